import type { Member } from "./member.js";

/** Which live connection each source is bound to: the first that uses it, as long as that lives. */
export class SourceBindings {
  readonly #holders = new Map<number, Member>();

  /** Binds a source where it is free. @returns who holds it now */
  bind(source: number, member: Member): Member {
    const holder = this.#holders.get(source);
    if (holder !== undefined) return holder;
    this.#holders.set(source, member);
    member.sources.add(source);
    return member;
  }

  /** The member is gone, or goes: its sources are free. */
  release(member: Member): void {
    for (const source of member.sources) this.#holders.delete(source);
    member.sources.clear();
  }
}
