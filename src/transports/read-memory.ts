const READ_BYTES = 64 << 10;

/**
 * The memory that a connecting socket reads into, again and again: `connect({ onread: memory.onread })`. Node offers it to
 * sockets that connect, and to none that arrive.
 */
export class ReadMemory {
  readonly #bytes = Buffer.allocUnsafeSlow(READ_BYTES);
  /** Called with what was read, borrowed until it returns. */
  onRead: (bytes: Uint8Array, byteLength: number) => void = () => {};
  readonly onread = {
    buffer: this.#bytes,
    callback: (byteLength: number): boolean => {
      this.onRead(this.#bytes, byteLength);
      return true;
    },
  };
}
