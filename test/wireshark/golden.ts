import { expect } from "vitest";
import { InstrumentId } from "../../src/protocol/instrument-id.js";
import { describeTLV, type FieldDescription } from "../../src/protocol/schema/description.js";
import { ALL_TLVS } from "../../src/tlvs/all.js";
import type { Dissected } from "../support/tshark.js";

type Golden = Readonly<Record<string, unknown>>;

/** A message of the golden files: its bytes, and what they hold. */
export interface GoldenMessage {
  readonly label: string;
  readonly hex: string;
  readonly checksum?: "crc32c" | "crc32";
  readonly header?: Golden;
  readonly tlvs: readonly {
    readonly type: number;
    readonly name?: string;
    readonly value?: Golden;
    readonly raw?: string;
  }[];
}

const schemas = new Map(ALL_TLVS.map((tlv) => [tlv.type, describeTLV(tlv)]));

/** Holds a dissected message against a golden one: its header, and every field of every TLV. Returns the fields compared. */
export function compareMessage(shown: Dissected | undefined, golden: GoldenMessage): number {
  if (shown === undefined) throw new Error(`${golden.label}: no message was found`);
  for (const [name, value] of Object.entries(golden.header ?? {})) {
    expect(Number(shownOf(shown, `alphapulse.${name}`)), `${golden.label}: ${name}`).toBe(Number(value));
    if (typeof value === "string") expect(shownOf(shown, `alphapulse.${name}`)).toBe(value);
  }
  const rows = shown.children.filter((child) => find(child, "alphapulse.tlv.type") !== undefined);
  expect(rows.map((row) => Number(shownOf(row, "alphapulse.tlv.type")))).toEqual(golden.tlvs.map(({ type }) => type));
  let compared = 0;
  for (const [index, { type, value, raw }] of golden.tlvs.entries()) {
    const row = rows[index] as Dissected;
    const schema = schemas.get(type);
    const where = `${golden.label}, TLV ${index}`;
    const shownAs = schema === undefined ? "tlv" : schema.name.charAt(0).toLowerCase() + schema.name.slice(1);
    expect(row.name, where).toBe(`alphapulse.${shownAs}`);
    if (schema === undefined || value === undefined) {
      expect(bytesOf(row, "alphapulse.tlv.value"), where).toBe(raw);
      continue;
    }
    compared += compareFields(row, row.name, schema.fields, value, where);
  }
  return compared;
}

function compareFields(
  node: Dissected,
  prefix: string,
  fields: readonly FieldDescription[],
  golden: Golden,
  where: string,
): number {
  let compared = 0;
  for (const { kind, name = "", fields: inner = [] } of fields) {
    if (kind === "pad" || kind === "count" || kind === "len") continue;
    const at = `${prefix}.${name}`;
    const value = golden[name];
    const what = `${where}: ${at}`;
    compared++;
    if (kind === "group") {
      const entries = find(node, at)?.children ?? [];
      const values = value as Golden[];
      expect(entries.length, what).toBe(values.length);
      for (const [index, entry] of values.entries())
        compared += compareFields(entries[index] as Dissected, at, inner, entry, `${what}[${index}]`);
    } else if (kind === "optional") {
      expect(find(node, at) !== undefined, what).toBe(value !== undefined);
      if (value !== undefined) compared += compareFields(find(node, at) as Dissected, at, inner, value as Golden, what);
    } else if (kind === "instrument") compareInstrument(find(node, at), value as Golden, what);
    else if (["u128", "i128", "u160"].includes(kind)) {
      expect(find(find(node, at) as Dissected, `${at}.decimal`)?.show, what).toBe(value);
    } else if (["bytes", "blob", "rest"].includes(kind)) expect(bytesOf(node, at), what).toBe(value);
    else expect(shownOf(node, at), what).toBe(String(value));
  }
  return compared;
}

function compareInstrument(node: Dissected | undefined, golden: Golden, what: string): void {
  const { venue, assetType, assetId } = golden as { venue: number; assetType: number; assetId: string };
  const id = new InstrumentId(venue, assetType, BigInt(assetId));
  expect(node?.show, what).toBe(String(id));
  const parts = (node?.children ?? []).map(({ name, show }) => [name.replace("alphapulse.instrument.", ""), show]);
  const expected = { venue: String(venue), assetType: String(assetType), assetId };
  expect(Object.fromEntries(parts), what).toEqual(
    id.symbol === undefined ? expected : { ...expected, symbol: id.symbol },
  );
}

function find({ children }: Dissected, name: string): Dissected | undefined {
  return children.find((child) => child.name === name);
}

function shownOf(node: Dissected, name: string): string | undefined {
  return find(node, name)?.show;
}

function bytesOf(node: Dissected, name: string): string | undefined {
  return find(node, name)?.show.replaceAll(":", "");
}
