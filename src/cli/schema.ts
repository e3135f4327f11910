import { describeTLV } from "../protocol/schema/description.js";
import type { FieldMap } from "../protocol/schema/fields.js";
import type { Layout } from "../protocol/schema/layout.js";
import type { AnyTLV } from "../protocol/schema/tlv.js";
import { domainName } from "../protocol/tables.js";
import { type Command, EXIT, usage } from "./options.js";
import { printable } from "./printable.js";
import { knownTypesOf, SCHEMA_OPTION } from "./schema-file.js";
import type { Paint } from "./terminal.js";

/** `alphapulse schema`: the types, or the fields of one. */
export const schema: Command = {
  name: "schema",
  synopsis: "[options] [<name> | <type>]",
  summary: "Lists the types of TLVs, or shows the fields of one.",
  options: { ...SCHEMA_OPTION, json: { type: "boolean", help: "as JSON: an array of all types, or the one" } },
  notes: "Exit 0: shown, 2: wrong usage, or no such type.",

  async run(given, { terminal }) {
    const { values, positionals } = given;
    const known = knownTypesOf(given);
    const [wanted, ...others] = positionals;
    if (others.length > 0) throw usage("one name or type at a time");
    if (wanted === undefined) {
      if (values.json === true) terminal.print(JSON.stringify(known.all.map(describeTLV), null, 2));
      else for (const line of listOf(known.all, terminal.paint)) terminal.print(line);
      return EXIT.good;
    }
    const tlv = /^\d+$/.test(wanted) ? known.byType(Number(wanted)) : known.byName(wanted);
    if (tlv === undefined) throw usage(`there is no type ${printable(wanted)}: \`alphapulse schema\` lists all`);
    if (values.json === true) terminal.print(JSON.stringify(describeTLV(tlv), null, 2));
    else for (const line of tableOf(tlv, terminal.paint)) terminal.print(line);
    return EXIT.good;
  },
};

function sizeText({ layout }: AnyTLV): string {
  return layout.variable.length > 0 ? `at least ${layout.fixedBytes} bytes` : `${layout.fixedBytes} bytes`;
}

function domainText({ domain }: AnyTLV): string {
  return domain === 0 ? "any" : domainName(domain);
}

function listOf(tlvs: readonly AnyTLV[], paint: Paint): string[] {
  const cells = tlvs.map((tlv) => [`${tlv.type}`, tlv.name, domainText(tlv), sizeText(tlv), printable(tlv.doc)]);
  return columns([["type", "name", "domain", "value", ""], ...cells], paint);
}

function tableOf(tlv: AnyTLV, paint: Paint): string[] {
  const title = `${paint("bold", tlv.name)}  type ${tlv.type}, ${domainText(tlv)}, ${sizeText(tlv)}`;
  const rows = [["offset", "field", "kind", "meaning"], ...fieldRows(tlv.fields, tlv.layout, "")];
  return [title, ...(tlv.doc === "" ? [] : [printable(tlv.doc)]), "", ...columns(rows, paint)];
}

/** A row for each field; those of a group and of an optional tail stand indented behind it. */
function fieldRows(fields: FieldMap, layout: Layout, indent: string): string[][] {
  const offsets = new Map(layout.fixed.map(({ name, offset }) => [name, offset]));
  const entries = new Map(layout.variable.map(({ name, entry }) => [name, entry]));
  return Object.entries(fields).flatMap(([name, field]) => {
    const offset = offsets.get(name);
    const at = `${indent}${offset ?? "then"}`;
    const meaning = printable(field.docs ?? "");
    switch (field.kind) {
      case "zero":
        return [[at, `${indent}(zero)`, `${field.bytes} bytes`, "written as 0, ignored when read"]];
      case "size": {
        const counted = fields[field.of]?.kind === "group" ? "number of entries" : "byte length";
        return [[at, `${indent}(${counted} of ${field.of})`, field.encoding, meaning]];
      }
      case "bytes":
        return [[at, indent + name, `bytes:${field.bytes}`, meaning]];
      case "textRest":
        return [[at, indent + name, "text-rest", meaning]];
      case "group":
      case "optional": {
        const entry = entries.get(name) as Layout;
        const kind = `${field.kind} of ${entry.fixedBytes} bytes`;
        return [[at, indent + name, kind, meaning], ...fieldRows(field.fields, entry, `${indent}  `)];
      }
      default:
        return [[at, indent + name, field.kind, meaning]];
    }
  });
}

function columns(rows: readonly (readonly string[])[], paint: Paint): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] as string).length)));
  return rows.map((row, index) => {
    const line = row
      .map((cell, i) => cell.padEnd(widths[i] as number))
      .join("  ")
      .trimEnd();
    return index === 0 ? paint("dim", line) : line;
  });
}
