import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";

export interface Srv {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

/** A name server on loopback that answers every question with the same SRV records. */
export class DnsServer {
  records: readonly Srv[] = [];
  /** 0 no error, 2 server failure, 3 no such name; undefined: it says nothing. */
  code: number | undefined = 0;
  questions = 0;
  readonly #socket = createSocket("udp4");

  async open(): Promise<Resolver> {
    this.#socket.on("message", (query, from) => {
      this.questions++;
      if (this.code !== undefined) this.#socket.send(this.#answer(query, this.code), from.port, from.address);
    });
    this.#socket.bind(0, "127.0.0.1");
    await once(this.#socket, "listening");
    const resolver = new Resolver({ timeout: 500, tries: 1 });
    resolver.setServers([`127.0.0.1:${this.#socket.address().port}`]);
    return resolver;
  }

  close(): void {
    this.#socket.close();
  }

  /** RFC 1035, 4: header, the question again, the answers, whose name is a pointer to the question's. */
  #answer(query: Buffer, code: number): Buffer {
    let end = 12;
    while (query[end] !== 0) end += 1 + (query[end] as number);
    const question = query.subarray(12, end + 5);
    const records = code === 0 ? this.records : [];
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8180 | code, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    return Buffer.concat([header, question, ...records.map(recordOf)]);
  }
}

/** RFC 2782: priority, weight, port, target. */
function recordOf({ priority, weight, port, target }: Srv): Buffer {
  const labels = target.split(".").filter((label) => label !== "");
  const name = Buffer.concat([
    ...labels.map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0]),
  ]);
  const record = Buffer.alloc(18);
  record.writeUInt16BE(0xc00c, 0);
  record.writeUInt16BE(33, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt32BE(60, 6);
  record.writeUInt16BE(6 + name.byteLength, 10);
  record.writeUInt16BE(priority, 12);
  record.writeUInt16BE(weight, 14);
  record.writeUInt16BE(port, 16);
  return Buffer.concat([record, name]);
}
