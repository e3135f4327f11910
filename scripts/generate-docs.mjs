/**
 * Writes what docs/protocol.md and docs/wireshark/alphapulse.lua repeat of the schemas, each between two marks:
 * `generated: NAME` and `/generated`. With --check it writes nothing, and exits 1 with the first line that differs.
 *
 * `node scripts/generate-docs.mjs [--check]`. Reads the sources, not dist/: nothing has to be built before.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { markdownRegions } from "./protocol-tables.mjs";
import { luaRegions } from "./wireshark-tables.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const protocol = await loadProtocol();
const files = { "docs/protocol.md": markdownRegions(protocol), "docs/wireshark/alphapulse.lua": luaRegions(protocol) };

for (const [file, regions] of Object.entries(files)) {
  const path = join(ROOT, file);
  const found = readFileSync(path, "utf8");
  const wanted = fill(file, found, regions);
  if (found === wanted) continue;
  if (process.argv.includes("--check")) complain(file, found, wanted);
  else writeFileSync(path, wanted);
}

/** The schemas as plain data, and the tables of names; the bodies of the first version where the sources have them. */
async function loadProtocol() {
  const hasLegacy = existsSync(join(ROOT, "src/legacy/types.ts"));
  const { outputFiles } = await build({
    stdin: {
      contents: `
        export { ALL_TLVS } from "./src/tlvs/all.js";
        export { ControlOpcode, GapReason, GoodbyeCode, Role } from "./src/tlvs/codes.js";
        export { describeFields, describeTLV } from "./src/protocol/schema/description.js";
        ${hasLegacy ? 'export { LEGACY_STRUCTS, LegacyType } from "./src/legacy/types.js";' : ""}
        export * from "./src/protocol/tables.js";`,
      resolveDir: ROOT,
    },
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    logLevel: "warning",
  });
  const code = Buffer.from(outputFiles[0].contents).toString("base64");
  const { ALL_TLVS, describeFields, describeTLV, LEGACY_STRUCTS, LegacyType, ...tables } = await import(
    `data:text/javascript;base64,${code}`
  );
  const tlvs = ALL_TLVS.map((tlv) => ({ ...describeTLV(tlv), instrumentOffset: tlv.layout.instrumentOffset }));
  const legacy = Object.entries(LEGACY_STRUCTS ?? {}).map(([name, { fields }]) => ({
    name,
    type: LegacyType[name],
    fields: describeFields(fields),
  }));
  return { tlvs, tables, legacy };
}

/** The text with each region in its place. Fails where the marks and the regions are not the same. */
function fill(file, text, regions) {
  const left = new Set(Object.keys(regions));
  const filled = text.replace(
    /(^.*\bgenerated: (\w+).*\n)[\s\S]*?(^.*\/generated\b.*$)/gm,
    (found, opening, name, closing) => {
      if (!left.delete(name)) throw new Error(`${file}: region ${name} is unknown, or there twice`);
      if (regions[name] === undefined) return found;
      return `${opening}${regions[name].trim()}\n${closing}`.replace(
        /^(<!--.*-->)\n([\s\S]*)\n(<!--.*-->)$/,
        "$1\n\n$2\n\n$3",
      );
    },
  );
  if (left.size > 0) throw new Error(`${file} has no marks for: ${[...left].join(", ")}`);
  return filled;
}

function complain(file, found, wanted) {
  const [foundLines, wantedLines] = [found.split("\n"), wanted.split("\n")];
  const line = wantedLines.findIndex((text, index) => text !== foundLines[index]);
  process.stderr.write(
    `${file}:${line + 1} differs from the schemas: run node scripts/generate-docs.mjs\n` +
      `  is:        ${foundLines[line]}\n  should be: ${wantedLines[line]}\n`,
  );
  process.exitCode = 1;
}
