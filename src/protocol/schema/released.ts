import { AlphaPulseError } from "../errors.js";

/** What a released flyweight points at. Every access throws; the hot path pays nothing for it. */
export const RELEASED: DataView = /* @__PURE__ */ releasedView();

/** For what goes past the view to its memory. @throws AlphaPulseError RELEASED */
export function checkHeld(view: DataView): void {
  if (view === RELEASED) refuse();
}

function refuse(): never {
  throw new AlphaPulseError(
    "RELEASED",
    "this flyweight's bytes were let go: it is borrowed until its handler returns; keep toObject() instead",
  );
}

function releasedView(): DataView {
  const view = new DataView(new ArrayBuffer(0));
  for (const name of Object.getOwnPropertyNames(DataView.prototype)) {
    if (/^[gs]et/.test(name)) Object.defineProperty(view, name, { value: refuse });
  }
  return view;
}
