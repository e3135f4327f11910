// What a build of the library makes of the golden messages: read, shown through flyweights and written again. As a
// program it prints that, so that a runtime which forbids making code from text can be compared with one that does not.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const vectors = new URL("../vectors/valid.json", import.meta.url);

const shown = (value) =>
  JSON.stringify(value, (_, part) => {
    if (typeof part === "bigint") return `${part}n`;
    return part instanceof Uint8Array ? Buffer.from(part).toString("hex") : part;
  });

export function report(api) {
  const tlvs = Object.entries(api).flatMap(([name, value]) => (name.endsWith("TLV") ? [value] : []));
  const byType = new Map(tlvs.map((tlv) => [tlv.type, tlv]));
  return JSON.parse(readFileSync(vectors, "utf8")).map(({ label, hex, checksum }) => {
    const bytes = Uint8Array.from(Buffer.from(hex, "hex"));
    const message = api.parseMessage(bytes, { checksum });
    const { relayDomain: domain, source, sequence, timestamp } = message.header;
    const builder = new api.TLVBuilder({ domain, source });
    const values = [...message].map(({ type, value }) => {
      const tlv = byType.get(type);
      if (tlv === undefined) {
        builder.addRaw(type, value);
        return type;
      }
      const object = tlv.decode(value);
      builder.add(tlv, object);
      return [tlv.name, object, tlv.flyweight().wrapBytes(value).toObject()];
    });
    const built = builder.build({ sequence, timestamp, checksum });
    return `${label}: ${Buffer.from(built).toString("hex") === hex ? "the same bytes" : "other bytes"}: ${shown(values)}`;
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  let canMakeCode = true;
  try {
    new Function("return 1")();
  } catch {
    canMakeCode = false;
  }
  const lines = report(await import(process.argv[2]));
  process.stdout.write(`${canMakeCode ? "can" : "cannot"} make code\n${lines.join("\n")}\n`);
}
