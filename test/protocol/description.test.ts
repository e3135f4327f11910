import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { describeTLV, type FieldDescription } from "../../src/protocol/schema/description.js";
import { RelayDomain } from "../../src/protocol/tables.js";
import { ALL_TLVS } from "../tlv-table.js";

// The protocol's own tables, where the specification lies beside the repository.
const REGISTRY = new URL("../../../shared/spec/registry.json", import.meta.url);

/** The protocol's tables know no unit and no limit of a text but in words. */
const asInTables = ({ unit: _, max: __, ...field }: FieldDescription): object =>
  field.fields === undefined ? field : { ...field, fields: field.fields.map(asInTables) };

describe("the schemas", () => {
  test.skipIf(!existsSync(REGISTRY))("are exactly those of the protocol's tables, field by field", () => {
    const { tlvs } = JSON.parse(readFileSync(REGISTRY, "utf8"));
    const domainNames = ["Extension", ...Object.keys(RelayDomain)];
    const described = ALL_TLVS.map((tlv) => {
      const { domain, fields, ...rest } = describeTLV(tlv);
      return { ...rest, domain: domainNames[domain], fields: fields.map(asInTables) };
    });
    expect(described).toEqual(tlvs);
  });

  test("are in ascending order of their types, each name and type once", () => {
    const types = ALL_TLVS.map(({ type }) => type);
    expect(types).toEqual(types.toSorted((a, b) => a - b));
    expect(new Set(types).size).toBe(69);
    expect(new Set(ALL_TLVS.map(({ name }) => name)).size).toBe(69);
  });
});
