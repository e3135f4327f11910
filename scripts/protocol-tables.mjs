/** The tables of docs/protocol.md, from the schemas. */

const BYTES_OF = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  u64: 8,
  i64: 8,
  u128: 16,
  i128: 16,
  u160: 20,
  instrument: 12,
};
const DOMAINS = ["Extension", "MarketData", "Signal", "Execution", "System"];

/** Each region of the page by its name. */
export function markdownRegions({ tlvs, legacy, tables: { Venue, AssetType, Source } }) {
  return {
    venues: namesTable("venue", Venue),
    assetTypes: namesTable("asset type", AssetType),
    sources: namesTable("source", Source),
    legacy: legacy.length === 0 ? undefined : legacy.map(legacyBody).join("\n\n"),
    types: overview(tlvs),
    tlvs: [1, 2, 3, 4, 0]
      .map((domain) => {
        const own = tlvs.filter((tlv) => tlv.domain === domain);
        return `### ${DOMAINS[domain]} TLVs\n\n${own.map(section).join("\n\n")}`;
      })
      .join("\n\n"),
  };
}

/** Bytes of a row of fields that none of them makes longer. */
export function bytesOf({ kind, size, encoding }) {
  return size ?? BYTES_OF[encoding ?? kind];
}

/** Fields behind the fixed part, whose place depends on those before them. */
export function isVariable({ kind }) {
  return ["group", "optional", "text", "blob", "rest", "text-rest"].includes(kind);
}

function namesTable(what, names) {
  const rows = Object.entries(names).map(([name, value]) => `| ${value} | ${name} |`);
  return `| ${what} | name |\n|---|---|\n${rows.join("\n")}`;
}

function overview(tlvs) {
  const rows = tlvs.map(
    ({ type, name, domain, fixedSize, variable, instrumentOffset }) =>
      `| ${type} | [${name}](#${name.toLowerCase()}) | ${domain === 0 ? "any" : DOMAINS[domain]} | ` +
      `${fixedSize}${variable ? " and more" : ""} | ${instrumentOffset ?? ""} |`,
  );
  return `| type | TLV | domain | bytes | instrument at |\n|---|---|---|---|---|\n${rows.join("\n")}`;
}

function section({ type, name, doc, fixedSize, variable, fields }) {
  const bytes = variable ? `${fixedSize} bytes and more` : `${fixedSize} bytes`;
  const parts = fields.filter((field) => field.fields !== undefined).map(part);
  return [`#### ${name}\n\nType ${type}, ${bytes}: ${doc}.\n\n${table(fields)}`, ...parts].join("\n\n");
}

/** A body of the first version. */
function legacyBody({ name, type, fields }) {
  const fixed = fields.filter((field) => !isVariable(field));
  const bytes = fixed.reduce((sum, field) => sum + bytesOf(field), 0);
  const more = fixed.length < fields.length ? " and more" : "";
  return `**${name}**, messageType ${type}, ${bytes} bytes${more}:\n\n${table(fields)}`;
}

/** The fields of a group's entry, or of an optional tail. */
function part({ kind, name, fields }) {
  const bytes = fields.reduce((sum, field) => sum + bytesOf(field), 0);
  const each = kind === "group" ? `Each entry of \`${name}\`` : `\`${name}\`, where it is there`;
  return `${each}, ${bytes} bytes:\n\n${table(fields)}`;
}

function table(fields) {
  let offset = 0;
  const rows = fields.map((field) => {
    const at = offset;
    if (isVariable(field)) offset = Number.NaN;
    else offset += bytesOf(field);
    return `| ${Number.isNaN(at) ? "then" : at} | ${nameOf(field)} | ${kindOf(field)} | ${meaningOf(field)} |`;
  });
  return `| offset | field | kind | meaning |\n|---|---|---|---|\n${rows.join("\n")}`;
}

function nameOf({ kind, name, of }) {
  if (kind === "pad") return "(zero)";
  if (kind === "count") return `(number of ${of})`;
  if (kind === "len") return `(byte length of ${of})`;
  return name;
}

function kindOf({ kind, size, encoding }) {
  if (kind === "pad" || kind === "bytes") return `${kind}:${size}`;
  return encoding ?? kind;
}

function meaningOf({ kind, doc = "", max }) {
  if (kind === "text" && max !== undefined && doc === "") return `at most ${max} bytes`;
  return doc.replaceAll("|", "\\|");
}
