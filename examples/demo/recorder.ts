import { createHash } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { Actor, FillTLV, OrderRequestTLV, parseMessage } from "alphapulse";

/** Bytes that are kept before they are written. */
const KEPT_BYTES_MAX = 256 * 1024;

/**
 * Writes every message of the Execution relay to a file, byte for byte, one after the other: what the audit reads.
 * Also the digest: SHA-256 over the values of all orders and fills in their order, so that two runs can be compared.
 */
export default new Actor(import.meta.url, {
  config: {
    /** The file; it is written anew. */
    file: "",
  },
  inputs: { execution: [] },
  setup({ config, log }) {
    const file = openSync(config.file, "w");
    const digest = createHash("sha256");
    let kept: Uint8Array[] = [];
    let keptBytes = 0;
    let messageCount = 0;

    function flush(): void {
      for (const bytes of kept) {
        for (const { type, value } of parseMessage(bytes)) {
          if (type === OrderRequestTLV.type || type === FillTLV.type) digest.update(value);
        }
      }
      const bytes = Buffer.concat(kept);
      for (let done = 0; done < bytes.byteLength; ) done += writeSync(file, bytes, done);
      kept = [];
      keptBytes = 0;
    }

    return {
      execution: {
        message(message) {
          kept.push(message.copy());
          keptBytes += message.byteLength;
          messageCount++;
          if (keptBytes >= KEPT_BYTES_MAX) flush();
        },
        gap({ source, from, to }) {
          log.error("lost executions: the file is not whole", { source, from, to });
        },
      },
      stop() {
        flush();
        closeSync(file);
      },
      snapshot: () => {
        flush();
        return { file: config.file, messages: messageCount, digest: digest.copy().digest("hex") };
      },
    };
  },
});
