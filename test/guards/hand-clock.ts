/** A clock of ms in a test's hand, which may also stand or go back. */
export class HandClock {
  ms = 1_000;
  readonly nowMs = (): number => this.ms;
}
