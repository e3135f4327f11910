const USER_FIRST = 200;
const USER_TYPES = 55;
const PAGES = 256;
const PAGE_SOURCES = 256;
const NOTHING = 0;
const UNREADABLE = -1;

/** Which version of each user type each source announced. A table in pages: bounded at 7 MB, and found without hashing. */
export class AnnouncedVersions {
  /** Per type, per high byte of the source: 0 nothing, -1 a schema that cannot be used, else 1 + the version. */
  readonly #types: (Int16Array[] | undefined)[] = new Array(USER_TYPES).fill(undefined);

  /** The version that this source's messages use; undefined where it announced none, `unreadable` one that cannot be used. */
  get(type: number, source: number): number | "unreadable" | undefined {
    const found = this.#types[type - USER_FIRST]?.[source >> 8]?.[source & 0xff] ?? NOTHING;
    if (found === NOTHING) return undefined;
    return found === UNREADABLE ? "unreadable" : found - 1;
  }

  /** Makes a version unreadable for all sources that announced it: what stood behind its number is gone. */
  drop(type: number, version: number): void {
    this.#types[type - USER_FIRST]?.forEach((page) => {
      page.forEach((found, i) => {
        if (found === version + 1) page[i] = UNREADABLE;
      });
    });
  }

  /** Notes what a source announced last. */
  set(type: number, source: number, version: number | "unreadable"): void {
    const index = type - USER_FIRST;
    let pages = this.#types[index];
    if (pages === undefined) {
      pages = new Array(PAGES);
      this.#types[index] = pages;
    }
    let page = pages[source >> 8];
    if (page === undefined) {
      page = new Int16Array(PAGE_SOURCES);
      pages[source >> 8] = page;
    }
    page[source & 0xff] = version === "unreadable" ? UNREADABLE : version + 1;
  }
}
