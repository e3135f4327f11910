// The audit: reads nothing but the Execution relay's raw messages, from a file, and keeps the books again on its own.
//
//   node books-of-account.mjs FILE [--against SUMMARY.json]
//
// Prints one JSON object. With --against it holds what it found against what portfolio and venue say in the demo's
// summary (`--json`) and names each figure that differs. Exit: 0 all well, 1 corrupt or different, 2 wrong usage.
// It imports nothing of the library: what it knows of the format, it knows from the protocol's own tables.
import { readFileSync } from "node:fs";

const [ORDER_REQUEST, ORDER_ACK, FILL] = [40, 41, 42]; // types of TLVs
const BYTES = { [ORDER_REQUEST]: 68, [ORDER_ACK]: 32, [FILL]: 56 }; // what their fixed fields take
const [BUY, SELL, REJECTED] = [1, 2, 2]; // sides, and a status of OrderAck
const [WIRE, MONEY] = [8, 16]; // decimals: of prices, quantities and fees, and of price times quantity

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});
const crc32c = (bytes, crc) => bytes.reduce((sum, byte) => crcTable[(sum ^ byte) & 0xff] ^ (sum >>> 8), crc);

/** Every TLV of every message: type, value, and who sent it. Throws where the bytes are not what they should be. */
function* tlvsOf(bytes) {
  const file = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const wrong = (what) => new Error(`message at byte ${at}: ${what}`);
    const body = at + 32;
    if (body > bytes.length) throw wrong("the file ends within its header");
    if (file.getUint32(at, true) !== 0xdeadbeef) throw wrong("does not begin with the magic number");
    const end = body + file.getUint32(at + 24, true);
    if (end > bytes.length) throw wrong("the file ends within it");
    const sum = ~crc32c(bytes.subarray(body, end), crc32c(bytes.subarray(at, at + 28), ~0)) >>> 0;
    if (sum !== file.getUint32(at + 28, true)) throw wrong("its checksum is wrong");
    const source = file.getUint16(at + 6, true);
    for (let tlv = body; tlv < end; ) {
      const isLong = bytes[tlv] === 255; // 255, 0, type, length of two bytes; else type, length of one
      const [type, length] = isLong ? [bytes[tlv + 2], file.getUint16(tlv + 3, true)] : [bytes[tlv], bytes[tlv + 1]];
      const start = tlv + (isLong ? 5 : 2);
      if (start + length > end || length < (BYTES[type] ?? 0))
        throw wrong(`a TLV of type ${type} with ${length} bytes`);
      yield { type, source, at, value: new DataView(file.buffer, file.byteOffset + start, length) };
      tlv = start + length;
    }
    at = end;
  }
}

/** Average cost: what is closed takes its share of the cost with it, cut to the unit; the rest stays. */
function book(account, side, price, quantity, fee) {
  const { position, cost } = account;
  const signed = side === BUY ? quantity : -quantity;
  const held = position < 0n ? -position : position;
  const reduces = position !== 0n && position < 0n !== signed < 0n;
  const closed = reduces ? (quantity < held ? quantity : held) : 0n;
  const released = closed === 0n ? 0n : (cost * closed) / held;
  account.realised += position > 0n ? price * closed - released : released - price * closed;
  account.cost += price * (quantity - closed) - released;
  account.position += signed;
  account.cash -= price * signed + fee * 10n ** 8n;
  account.fees += fee;
  account.fills++;
}

function accountIn(books, key) {
  if (!books.has(key)) books.set(key, { position: 0n, cost: 0n, realised: 0n, cash: 0n, fees: 0n, fills: 0 });
  return books.get(key);
}

function audit(bytes) {
  const [instruments, strategies, strategyOf, rejects] = [new Map(), new Map(), new Map(), {}];
  let fills = 0;
  for (const { type, source, at, value } of tlvsOf(bytes)) {
    const u64 = (offset) => value.getBigUint64(offset, true);
    const i64 = (offset) => value.getBigInt64(offset, true);
    if (type === ORDER_REQUEST) {
      if (strategyOf.has(u64(12))) throw new Error(`message at byte ${at}: order ${u64(12)} was requested before`);
      strategyOf.set(u64(12), value.getUint16(60, true));
    } else if (type === ORDER_ACK && value.getUint8(26) === REJECTED) {
      rejects[source] ??= {};
      const reasons = rejects[source];
      reasons[value.getUint8(27)] = (reasons[value.getUint8(27)] ?? 0) + 1;
    } else if (type === FILL) {
      const [strategy, side] = [strategyOf.get(u64(12)), value.getUint8(52)];
      if (strategy === undefined)
        throw new Error(`message at byte ${at}: a fill of order ${u64(12)}, which nobody sent`);
      if (side !== BUY && side !== SELL) throw new Error(`message at byte ${at}: a fill on side ${side}`);
      const key = `${value.getUint16(0, true)}/${value.getUint8(2)}/${u64(4)}`;
      if (!strategies.has(strategy)) strategies.set(strategy, new Map());
      for (const books of [instruments, strategies.get(strategy)]) {
        book(accountIn(books, key), side, i64(28), u64(36), i64(44));
      }
      fills++;
    }
  }
  const perInstrument = [...instruments].map(([key, { position, cash, fees, realised, fills }]) => {
    const amounts = { cash: decimal(cash, MONEY), fees: decimal(fees, WIRE), realised: decimal(realised, MONEY) };
    return [key, { position: decimal(position, WIRE), ...amounts, fills }];
  });
  const perStrategy = [...strategies].map(([id, books]) => {
    const total = accountIn(new Map(), "");
    for (const account of books.values())
      for (const name of ["realised", "fees", "fills"]) total[name] += account[name];
    const profit = decimal(total.realised - total.fees * 10n ** 8n, MONEY);
    const amounts = { realised: decimal(total.realised, MONEY), fees: decimal(total.fees, WIRE), profit };
    return [id, { ...amounts, fills: total.fills }];
  });
  const [byInstrument, byStrategy] = [Object.fromEntries(perInstrument), Object.fromEntries(perStrategy)];
  return { orders: strategyOf.size, fills, rejects, instruments: byInstrument, strategies: byStrategy };
}

function decimal(value, decimals) {
  const digits = String(value < 0n ? -value : value).padStart(decimals + 1, "0");
  const fraction = digits.slice(-decimals).replace(/0+$/, "");
  return `${value < 0n ? "-" : ""}${digits.slice(0, -decimals)}${fraction && "."}${fraction}`;
}

/** The figures that are not the same, each with its path. */
function differences(found, said, path) {
  if (typeof found !== "object" || typeof said !== "object" || !found || !said) {
    return found === said ? [] : [`${path}: the messages give ${found}, it says ${said}`];
  }
  const keys = [...new Set([...Object.keys(found), ...Object.keys(said)])];
  return keys.flatMap((key) => differences(found[key], said[key], path.endsWith(" ") ? path + key : `${path}.${key}`));
}

/** The venue knows no strategies, and only what it rejected itself. */
function compare(found, { portfolio, venue, venueSource }) {
  const { strategies: _, ...ofVenue } = found;
  const own = found.rejects[venueSource];
  ofVenue.rejects = own === undefined ? {} : { [venueSource]: own };
  return [...differences(found, portfolio, "portfolio "), ...differences(ofVenue, venue, "venue ")];
}

const [file, flag, summary, ...rest] = process.argv.slice(2);
if (file === undefined || rest.length > 0 || (flag !== undefined && (flag !== "--against" || !summary))) {
  process.stderr.write("usage: node books-of-account.mjs FILE [--against SUMMARY.json]\n");
  process.exit(2);
}
try {
  const found = audit(readFileSync(file));
  process.stdout.write(`${JSON.stringify(found)}\n`);
  const lines = summary === undefined ? [] : compare(found, JSON.parse(readFileSync(summary, "utf8")).books);
  for (const line of lines) process.stderr.write(`books of account: ${line}\n`);
  if (lines.length > 0) process.exitCode = 1;
} catch (error) {
  process.stderr.write(`books of account: ${file}: ${error.message}\n`);
  process.exitCode = 1;
}
