import { readFileSync } from "node:fs";
import { AlphaPulseError } from "../protocol/errors.js";
import { fieldsFrom } from "../protocol/schema/from-description.js";
import { type AnyTLV, defineTLV } from "../protocol/schema/tlv.js";
import { RelayDomain } from "../protocol/tables.js";
import { isUserType } from "../protocol/walk.js";
import { unreadable } from "./errors.js";
import { KnownTypes } from "./known-types.js";
import { isObject } from "./message-json.js";
import { type Given, type Option, usage, wordOf } from "./options.js";

/** The option of all commands that names a file with types of the user's own. */
export const SCHEMA_OPTION: Readonly<Record<"schema", Option>> = {
  schema: {
    type: "string",
    short: "s",
    value: "<file>",
    help: "types of your own, 200 to 254: JSON as `schema --json` prints it",
  },
};

const KEYS = ["type", "name", "domain", "doc", "version", "fixedSize", "variable", "fields"];

/** The types of the protocol, and those of the file that `--schema` names. @throws InputError USAGE or UNREADABLE */
export function knownTypesOf(given: Given): KnownTypes {
  const file = wordOf(given, "schema");
  if (file === undefined) return new KnownTypes();
  const described = readDescriptions(file);
  const protocol = new KnownTypes();
  const own: AnyTLV[] = [];
  for (const [index, description] of described.entries()) {
    const what = `${file}, type ${index + 1} of ${described.length}`;
    if (!isObject(description)) throw usage(`${what}: it is no object`);
    // The list that `schema --json` prints begins with these; here they are known already.
    const { type, name } = description;
    if (protocol.all.some((tlv) => tlv.type === type && tlv.name === name)) continue;
    const tlv = tlvOf(description, what);
    const taken = [...protocol.all, ...own].find(({ type, name }) => type === tlv.type || name === tlv.name);
    if (taken !== undefined) throw usage(`${what}: type ${taken.type} is ${taken.name} already`);
    own.push(tlv);
  }
  return new KnownTypes(own);
}

function readDescriptions(file: string): readonly unknown[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw unreadable(file, error);
  }
  try {
    const described: unknown = JSON.parse(text);
    return Array.isArray(described) ? described : [described];
  } catch (error) {
    throw usage(`${file}: ${(error as Error).message}`);
  }
}

function tlvOf(description: Readonly<Record<string, unknown>>, what: string): AnyTLV {
  const { type, name, domain = 0, doc = "", fixedSize, fields } = description;
  const strange = Object.keys(description).find((key) => !KEYS.includes(key));
  if (strange !== undefined) throw usage(`${what}: it has no ${JSON.stringify(strange)}, only ${KEYS.join(", ")}`);
  if (typeof type !== "number" || !isUserType(type)) throw usage(`${what}: a type of your own is 200 to 254`);
  if (typeof name !== "string" || typeof doc !== "string") throw usage(`${what}: name and doc are text`);
  if (domain !== 0 && !Object.values<unknown>(RelayDomain).includes(domain)) throw usage(`${what}: domain is 0 to 4`);
  try {
    const tlv = defineTLV(type, name, fieldsFrom(fields, name), { doc, domain: domain as number });
    const { fixedBytes } = tlv.layout;
    if (fixedSize === undefined || fixedSize === fixedBytes) return tlv;
    throw usage(`${what}: its fields have ${fixedBytes} bytes, fixedSize says ${String(fixedSize)}`);
  } catch (error) {
    if (!(error instanceof AlphaPulseError) || error.code !== "BAD_SCHEMA") throw error;
    throw usage(`${what}: ${error.message}`);
  }
}
