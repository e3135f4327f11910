import type { Filter } from "./filter.js";

const SUBSCRIPTIONS_MAX = 64;

/** What one member wants: the union of its subscriptions. */
export class Subscriptions {
  readonly #filtersById = new Map<number, Filter>();
  /** The same, to go through. */
  #filters: readonly Filter[] = [];
  #wantsAll = false;

  /** Whether there are none. */
  get isEmpty(): boolean {
    return this.#filters.length === 0;
  }

  /** Adds one, or replaces that of the same id. @returns why it cannot be, where it cannot */
  add(subscriptionId: number, filter: Filter): string | undefined {
    if (!this.#filtersById.has(subscriptionId) && this.#filtersById.size >= SUBSCRIPTIONS_MAX) {
      return `a session has at most ${SUBSCRIPTIONS_MAX} subscriptions`;
    }
    this.#filtersById.set(subscriptionId, filter);
    this.#gather();
    return undefined;
  }

  /** @returns whether there was one */
  remove(subscriptionId: number): boolean {
    const wasThere = this.#filtersById.delete(subscriptionId);
    this.#gather();
    return wasThere;
  }

  /** Whether any of them wants the message at this place. */
  want(view: DataView, offset: number, byteLength: number): boolean {
    if (this.#wantsAll) return true;
    const filters = this.#filters;
    for (let i = 0; i < filters.length; i++) {
      if ((filters[i] as Filter).matches(view, offset, byteLength)) return true;
    }
    return false;
  }

  #gather(): void {
    this.#filters = [...this.#filtersById.values()];
    this.#wantsAll = this.#filters.some(({ isOpen }) => isOpen);
  }
}
