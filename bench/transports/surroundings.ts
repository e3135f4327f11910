/** What subjects need from outside. */
export interface Surroundings {
  /** For sockets and programs. */
  readonly folder: string;
  /** The C limit, where it could be compiled. */
  readonly program: string | undefined;
  /** Whether processes can be kept on a core each. */
  readonly canPin: boolean;
}
