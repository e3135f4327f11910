import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import packageJson from "../package.json" with { type: "json" };
import { cyclesOf, importsOf, LAYERS, offencesOf } from "./support/layers.js";

const SRC = fileURLToPath(new URL("../src/", import.meta.url));
/** What a subpath may import: there is no dependency that all users get. */
const PACKAGES = Object.keys(packageJson.peerDependencies);

function readSources(): Map<string, string> {
  const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).map((file) => file.replaceAll("\\", "/"));
  return new Map(files.filter((file) => file.endsWith(".ts")).map((file) => [file, readFileSync(SRC + file, "utf8")]));
}

describe("the sources", () => {
  const sources = readSources();

  test("are where this test looks for them", () => {
    expect(sources.size).toBeGreaterThan(10);
    expect(sources.has("protocol/errors.ts")).toBe(true);
  });

  test("keep to their layers, without cycles and in files of a readable length", () => {
    expect(offencesOf(sources, PACKAGES)).toEqual([]);
  });
});

describe("the checker", () => {
  const good = new Map([
    ["index.ts", 'export { Actor } from "./actor/actor.js";'],
    ["protocol/errors.ts", "export class AlphaPulseError extends Error {}"],
    ["protocol/walk.ts", 'import { AlphaPulseError } from "./errors.js";'],
    ["rings/spsc.ts", 'import { AlphaPulseError } from "../protocol/errors.js";'],
    [
      "transports/transport.ts",
      'import { AlphaPulseError } from "../protocol/errors.js"; import { Socket } from "node:net";',
    ],
    ["actor/actor.ts", 'import type { Transport } from "../transports/transport.js";'],
    ["relay/relay.ts", 'import { EventEmitter } from "some-package";'],
  ]);
  const offencesWith = (file: string, text: string) => offencesOf(new Map([...good, [file, text]]), ["some-package"]);

  test("lets a good tree pass", () => {
    expect(offencesOf(good, ["some-package"])).toEqual([]);
  });

  test.each([
    [
      "an import of a layer above",
      "protocol/bad.ts",
      'import { x } from "../relay/relay.js";',
      "protocol does not import",
    ],
    [
      "a type of a layer above",
      "protocol/bad.ts",
      'import type { x } from "../relay/relay.js";',
      "protocol does not import",
    ],
    ["an inline type import", "books/bad.ts", 'type X = import("../relay/relay.js").Relay;', "books does not import"],
    ["a re-export", "books/bad.ts", 'export { x } from "../relay/relay.js";', "books does not import"],
    ["a dynamic import", "session/bad.ts", 'await import("../relay/relay.js");', "session does not import"],
    ["a sibling", "adapters/bad.ts", 'import { x } from "../relay/relay.js";', "adapters does not import"],
    [
      "a file beside the named one",
      "rings/bad.ts",
      'import { x } from "../protocol/walk.js";',
      "rings does not import",
    ],
    [
      "a value where only types may be used",
      "actor/bad.ts",
      'import { x } from "../transports/transport.js";',
      "only types",
    ],
    ["a subpath", "relay/bad.ts", 'import { x } from "../index.js";', "does not import the subpath index.ts"],
    ["a Node module in a low layer", "rings/bad.ts", 'import { Buffer } from "node:buffer";', 'no "node:buffer"'],
    ["a package in a low layer", "books/bad.ts", 'import { x } from "some-package";', "imports no package"],
    ["an undeclared package", "relay/bad.ts", 'import { x } from "ws";', "no dependency"],
    ["a peer of another layer", "relay/bad.ts", 'await import("tinybench");', "no dependency"],
    ["a peer of another layer", "relay/bad.ts", 'import fc from "fast-check";', "no dependency"],
    ["a Node module without its prefix", "relay/bad.ts", 'import { x } from "fs";', "no dependency"],
    ["a missing file", "relay/bad.ts", 'import { x } from "./absent.js";', "is no file"],
    ["a specifier without .js", "relay/bad.ts", 'import { x } from "./relay";', "does not end in .js"],
    ["a folder that is no layer", "helpers/bad.ts", "", "helpers is no layer"],
    ["a folder called utils", "relay/utils/bad.ts", "", "utils"],
    ["a further file in src/", "bad.ts", "", "not a subpath"],
    ["a file that is too long", "relay/bad.ts", "//\n".repeat(451), "451 lines"],
    [
      "a cycle",
      "protocol/errors.ts",
      'import { x } from "./walk.js";',
      "import cycle: protocol/errors.ts -> protocol/walk.ts",
    ],
  ])("finds %s", (_what, file, text, offence) => {
    const offences = offencesWith(file, text);
    expect(offences).toHaveLength(1);
    expect(offences[0]).toContain(offence);
  });

  test("takes a cycle of types for none", () => {
    const types = new Map([...good, ["protocol/errors.ts", 'import type { x } from "./walk.js";']]);
    expect(cyclesOf(types)).toEqual([]);
  });

  test("is not misled by comments and strings", () => {
    expect(importsOf("a.ts", '// import "node:fs"\nconst text = \'import { x } from "node:net"\';')).toEqual([]);
  });

  test("knows no cycle among the layers themselves", () => {
    const layers = new Map(
      Object.entries(LAYERS).map(([name, { imports, types = [] }]) => [
        `${name}.ts`,
        [...imports, ...types].map((path) => `import "./${path.split("/")[0]}.js";`).join("\n"),
      ]),
    );
    expect(cyclesOf(layers)).toEqual([]);
  });
});
