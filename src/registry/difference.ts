import { describeFields, type FieldDescription } from "../protocol/schema/description.js";
import type { AnyTLV } from "../protocol/schema/tlv.js";
import { kindOf, linesOf } from "./fingerprint.js";

/** What the other schema is called: where it comes from. */
type Other = "announced" | "given";

/** Differences that are told one by one. */
const TOLD_MAX = 8;

/**
 * What two schemas of one type differ in, as far as it decides bytes: one line each, for people. Empty where nothing
 * does. At most nine lines: the last says how many more there are.
 */
export function differencesOf(here: AnyTLV, there: AnyTLV, other: Other = "announced"): string[] {
  const found: string[] = [];
  for (const key of ["type", "version", "name"] as const) {
    if (here[key] !== there[key]) found.push(`${key} ${here[key]} here, ${there[key]} ${other}`);
  }
  found.push(...rowDifferences(describeFields(here.fields), describeFields(there.fields), "", other));
  return found.length > TOLD_MAX + 1 ? [...found.slice(0, TOLD_MAX), `and ${found.length - TOLD_MAX} more`] : found;
}

type Row = readonly FieldDescription[];

function rowDifferences(here: Row, there: Row, path: string, other: Other): string[] {
  const found: string[] = [];
  const theirs = byName(there);
  for (const [name, field] of byName(here)) {
    const match = theirs.get(name);
    theirs.delete(name);
    if (match === undefined) found.push(`field ${path}${name} is missing in what is ${other}`);
    else if (kindOf(field) !== kindOf(match)) {
      found.push(`field ${path}${name}: ${kindOf(field)} here, ${kindOf(match)} ${other}`);
    } else if (field.fields !== undefined && match.fields !== undefined) {
      found.push(...rowDifferences(field.fields, match.fields, `${path}${name}.`, other));
    }
  }
  for (const [name, field] of theirs) found.push(`field ${path}${name}: ${kindOf(field)} ${other}, missing here`);
  // The same fields: then it is their order, or what stands between them.
  return found.length > 0 ? found : placeDifference(here, there, path, other);
}

function placeDifference(here: Row, there: Row, path: string, other: Other): string[] {
  const ours = here.map(placeOf);
  const theirs = there.map(placeOf);
  const count = Math.max(ours.length, theirs.length);
  const at = Array.from({ length: count }, (_, i) => i).find((i) => ours[i] !== theirs[i]);
  if (at === undefined) return [];
  const where = path === "" ? `place ${at + 1}` : `place ${at + 1} of ${path.slice(0, -1)}`;
  return [`${where}: ${ours[at] ?? "nothing"} here, ${theirs[at] ?? "nothing"} ${other}`];
}

function placeOf(field: FieldDescription): string {
  return field.fields === undefined ? linesOf(field).join("") : `${field.kind} ${field.name}`;
}

function byName(row: Row): Map<string, FieldDescription> {
  return new Map(row.flatMap((field) => (field.name === undefined ? [] : [[field.name, field] as const])));
}
