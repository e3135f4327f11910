// alphapulse/books: order books, and how they are rebuilt from messages.
export { type BookLevel, BookSide, LevelChange } from "./books/book-side.js";
export { BookError, type BookErrorCode } from "./books/errors.js";
export { LevelList } from "./books/level-list.js";
export { OrderBook, type OrderBookOptions } from "./books/order-book.js";
export {
  type ApplyResult,
  type BookReason,
  type BookState,
  OrderBookReconstructor,
} from "./books/reconstructor.js";
