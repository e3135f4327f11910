/** The tables of docs/wireshark/alphapulse.lua, from the schemas. */

/** The one region of the file: every type with its fields, and the names of numbers. */
export function luaRegions({ tlvs, tables: { AssetType, GoodbyeCode, RelayDomain, Source, Venue } }) {
  const named = (name, table) =>
    `local ${name} = {\n${Object.entries(table)
      .map(([text, value]) => `  [${value}] = ${quote(text)},\n`)
      .join("")}}`;
  const types = tlvs.map((tlv) => typeTable(tlv, tlvs, GoodbyeCode));
  return {
    tables: [
      named("DOMAINS", RelayDomain),
      named("VENUES", Venue),
      named("ASSET_TYPES", AssetType),
      named("SOURCES", Source),
      `local TYPES = {\n${types.join("")}}`,
    ].join("\n\n"),
  };
}

function typeTable(tlv, tlvs, goodbyeCodes) {
  const abbreviation = tlv.name.charAt(0).toLowerCase() + tlv.name.slice(1);
  const fields = fieldsTable(tlv.fields, { tlvs, goodbyeCodes }, "    ");
  return (
    `  [${tlv.type}] = { name = ${quote(tlv.name)}, abbreviation = ${quote(abbreviation)}, doc = ${quote(tlv.doc)}, ` +
    `domain = ${tlv.domain}, fixed_bytes = ${tlv.fixedSize}, fields = {\n${fields}  } },\n`
  );
}

function fieldsTable(fields, known, indent) {
  return fields
    .map((field) => {
      const parts = [`kind = ${quote(field.kind)}`];
      for (const key of ["name", "of", "encoding", "size", "doc"]) {
        const value = field[key];
        if (value !== undefined) parts.push(`${key} = ${typeof value === "number" ? value : quote(value)}`);
      }
      const meaning = meaningOf(field);
      if (meaning !== undefined) parts.push(`means = ${quote(meaning)}`);
      const values = valuesOf(field, known);
      if (values.length > 0)
        parts.push(`values = { ${values.map(([n, text]) => `[${n}] = ${quote(text)}`).join(", ")} }`);
      if (field.fields === undefined) return `${indent}{ ${parts.join(", ")} },\n`;
      return `${indent}{ ${parts.join(", ")}, fields = {\n${fieldsTable(field.fields, known, `${indent}  `)}${indent}} },\n`;
    })
    .join("");
}

/** What a number is, beyond its kind: how the dissector shows it. */
function meaningOf({ kind, name, unit, doc = "" }) {
  if (unit === "Units") return kind === "i64" ? "price" : "size";
  if (unit === "Us") return doc.startsWith("ns since") ? "time" : "span";
  if (kind === "u16" && /^venue[AB]?$/.test(name)) return "venue";
  if (kind === "u16" && /^(refS|s)ource$/.test(name)) return "source";
  if (kind === "u8" && /^(relayD|d)omain$/.test(name)) return "domain";
  if (kind === "u8" && ["type", "compression", "cipher"].includes(name)) return name;
  return undefined;
}

/** The names of a number's values, where its meaning lists them: `1 buy, 2 sell`. */
function valuesOf({ kind, name, doc = "" }, { tlvs, goodbyeCodes }) {
  if (!/^[ui](8|16|32)$/.test(kind)) return [];
  if (doc === "see Sessions") return Object.entries(goodbyeCodes).map(([text, value]) => [value, text]);
  const [, other] = /^as in (\w+)$/.exec(doc) ?? [];
  if (other !== undefined) {
    const { fields } = tlvs.find((tlv) => tlv.name === other);
    return valuesOf(
      fields.find((field) => field.name === name),
      { tlvs, goodbyeCodes },
    );
  }
  const listed = doc
    .replace(/\([^)]*\)/g, "")
    .replace(/^\D*: /, "")
    .split(", ");
  const values = listed.map((part) => /^(\d+) (?!and above)([^\d=].*?)\s*$/.exec(part)?.slice(1));
  return values[0] === undefined ? [] : values.filter((value) => value !== undefined);
}

function quote(text) {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
