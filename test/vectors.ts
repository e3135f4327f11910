import { readFileSync } from "node:fs";
import type { FieldMap } from "../src/protocol/schema/fields.js";

/** A golden value as JSON holds it: wide integers as decimal text, bytes as hex. */
type Golden = Readonly<Record<string, unknown>>;

/** Reads one of the golden files in test/vectors (their origin: test/README.md). */
export function readVectors<T>(name: string): T[] {
  return JSON.parse(readFileSync(new URL(`./vectors/${name}.json`, import.meta.url), "utf8")) as T[];
}

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** The value that a codec takes and gives, of the one that the golden file shows. */
export function goldenValue(fields: FieldMap, golden: Golden): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const shown = golden[name];
    if (field.kind === "zero" || field.kind === "size") continue;
    if (field.kind === "optional") {
      if (shown !== undefined) value[name] = goldenValue(field.fields, shown as Golden);
    } else if (/^[iu](64|128|160)$/.test(field.kind)) value[name] = BigInt(shown as string);
    else if (field.kind === "bytes" || field.kind === "blob" || field.kind === "rest")
      value[name] = fromHex(shown as string);
    else if (field.kind === "group") value[name] = (shown as Golden[]).map((entry) => goldenValue(field.fields, entry));
    else if (field.kind === "instrument") {
      const { venue, assetType, assetId } = shown as { venue: number; assetType: number; assetId: string };
      value[name] = { venue, assetType, assetId: BigInt(assetId) };
    } else value[name] = shown;
  }
  return value;
}
