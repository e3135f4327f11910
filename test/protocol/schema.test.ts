import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ValueRangeError } from "../../src/protocol/errors.js";
import { type FieldMap, type GroupField, i128, u128, u160 } from "../../src/protocol/schema/fields.js";
import { TLV } from "../../src/protocol/schema/tlv.js";
import { arbitraryOf } from "../../src/testing/values.js";
import { type AnyObject, arbitraryAnything, arbitraryFields } from "./schemas.js";
import {
  accessorsOf,
  approximationsOf,
  copied,
  groupsOf,
  isFailure,
  type Loose,
  type LooseGroup,
  outcomeOf,
  shownBy,
  tailOf,
} from "./shown.js";

// One schema has two codecs, code that was generated from it and a loop that interprets it: whatever the schema, they
// must give the same bytes, objects, flyweight values and errors.

type AnyCodec = TLV<FieldMap, "Any">;

function codecsOf(fields: FieldMap): readonly [generated: AnyCodec, interpreted: AnyCodec] {
  return [new TLV(200, "Any", fields, {}, true), new TLV(200, "Any", fields, {}, false)];
}

/** Long enough for groups and texts at the limit of a u8, short enough to be compared entry by entry. */
const valueBytesMax = 2_000;
const schemaAndObject = arbitraryFields.chain((fields) =>
  fc.record({ fields: fc.constant(fields), object: arbitraryOf(codecsOf(fields)[0], { valueBytesMax }) }),
);

/** The counts of an object's variable fields, as a claim takes them. */
function countsOf(fields: FieldMap, object: AnyObject): Record<string, number | boolean> {
  return Object.fromEntries(
    Object.entries(fields).flatMap<[string, number | boolean]>(([key, { kind }]) => {
      const value = object[key];
      if (kind === "optional") return [[key, value !== undefined]];
      if (kind === "group") return [[key, (value as unknown[]).length]];
      if (kind === "text" || kind === "textRest") return [[key, Buffer.byteLength(value as string)]];
      return kind === "blob" || kind === "rest" ? [[key, (value as Uint8Array).byteLength]] : [];
    }),
  );
}

/** The bytes of an object, written field by field through a flyweight. */
function writtenInPlace(codec: AnyCodec, object: AnyObject): Uint8Array {
  const counts = countsOf(codec.fields, object) as Record<string, never>;
  const bytes = new Uint8Array(codec.byteLengthFor(counts)).fill(0xa5);
  codec.prepare(bytes, new DataView(bytes.buffer), 0, bytes.byteLength, counts);
  const flyweight = codec.flyweight().wrapBytes(bytes) as unknown as Loose;
  const write = (to: Loose, fields: FieldMap, from: AnyObject): void => {
    for (const [key, { kind }] of Object.entries(fields)) {
      if (kind === "group" || kind === "optional") continue;
      if (key in from) to[key] = from[key];
    }
  };
  write(flyweight, codec.fields, object);
  for (const [key, { fields }] of groupsOf(codec.fields)) {
    const group = flyweight[key] as LooseGroup;
    for (const [i, entry] of (object[key] as AnyObject[]).entries()) write(group.at(i), fields, entry);
  }
  const [tail, { fields }] = tailOf(codec.fields) ?? ["", { fields: {} }];
  if (object[tail] !== undefined) write(flyweight[tail] as Loose, fields, object[tail] as AnyObject);
  return bytes;
}

describe("for any schema, generated code and the interpreter", () => {
  test("encode an object to the same bytes, and decode it to what it was", () => {
    const reached = { groups: 0, texts: 0, rests: 0, fixed: 0, starts: 0, tails: 0, absent: 0 };
    fc.assert(
      fc.property(schemaAndObject, ({ fields, object }) => {
        const [generated, interpreted] = codecsOf(fields);
        const bytes = generated.encode(object as never);
        expect(bytes).toEqual(interpreted.encode(object as never));
        expect(bytes).toHaveLength(generated.byteLengthFor(countsOf(fields, object) as Record<string, never>));
        for (const codec of [generated, interpreted]) {
          expect(codec.decode(bytes)).toEqual(object);
          expect(Object.keys(codec.decode(bytes))).toEqual(Object.keys(object)); // and in the order of the schema
          expect(codec.flyweight().wrapBytes(bytes).toObject()).toEqual(object);
        }
        const kinds = Object.values(fields).map(({ kind }) => kind);
        if (kinds.includes("group")) reached.groups++;
        const tail = tailOf(fields)?.[0];
        if (tail !== undefined && tail in object) reached.tails++;
        if (tail !== undefined && !(tail in object)) reached.absent++;
        if (kinds.includes("text")) reached.texts++;
        if (kinds.includes("rest") || kinds.includes("textRest")) reached.rests++;
        if (generated.layout.variable.length === 0) reached.fixed++;
        if ("starts" in fields || "groups" in fields) reached.starts++;
      }),
      { numRuns: 250 },
    );
    expect(Math.min(...Object.values(reached))).toBeGreaterThan(5);
  });

  test("show the same through their flyweights, to the last error", () => {
    let beyondNumbers = 0;
    fc.assert(
      fc.property(schemaAndObject, ({ fields, object }) => {
        const [generated, interpreted] = codecsOf(fields);
        const bytes = generated.encode(object as never);
        const shown = shownBy(generated, bytes);
        expect(shownBy(interpreted, bytes)).toEqual(shown);
        if (inspect(shown, { depth: 9 }).includes("at most 2^53 as a number")) beyondNumbers++;
      }),
      { numRuns: 120 },
    );
    expect(beyondNumbers).toBeGreaterThan(10);
  });

  test("write the same bytes in place as an encoded object has, over whatever stood there", () => {
    fc.assert(
      fc.property(schemaAndObject, ({ fields, object }) => {
        const [generated, interpreted] = codecsOf(fields);
        const bytes = generated.encode(object as never);
        expect(writtenInPlace(generated, object)).toEqual(bytes);
        expect(writtenInPlace(interpreted, object)).toEqual(bytes);
      }),
      { numRuns: 100 },
    );
  });

  test("leave no byte of a value as it was: nothing of an older message shows through", () => {
    fc.assert(
      fc.property(schemaAndObject, ({ fields, object }) => {
        for (const codec of codecsOf(fields)) {
          const byteLength = codec.byteLengthOf(object as never);
          const memory = new Uint8Array(byteLength + 16).fill(0xa5);
          codec.encodeInto(new DataView(memory.buffer), 8, object as never);
          expect(memory.subarray(8, 8 + byteLength)).toEqual(codec.encode(object as never));
          expect([...memory.subarray(0, 8), ...memory.subarray(8 + byteLength)]).toEqual(new Array(16).fill(0xa5));
        }
      }),
      { numRuns: 60 },
    );
  });

  test("refuse what a field cannot hold with the same words, naming it, and write nothing else instead", () => {
    let refused = 0;
    const spoilt = schemaAndObject.chain(({ fields, object }) =>
      fc.record({
        fields: fc.constant(fields),
        object: fc.constant(object),
        pick: fc.nat(),
        bad: arbitraryAnything,
      }),
    );
    fc.assert(
      fc.property(spoilt, ({ fields, object, pick, bad }) => {
        const keys = Object.keys(object);
        if (keys.length === 0) return;
        const key = keys[pick % keys.length] as string;
        const inner = groupsOf(fields).find(([group]) => group === key);
        const entries = object[key] as AnyObject[];
        let given: AnyObject = { ...object, [key]: bad };
        if (inner !== undefined && entries.length > 0 && pick % 2 === 0) {
          const at = pick % entries.length;
          const names = Object.keys(entries[at] as AnyObject);
          const spoiltEntry = { ...entries[at], [names[pick % Math.max(1, names.length)] ?? "none"]: bad };
          given = { ...object, [key]: entries.with(at, spoiltEntry) };
        }
        const [generated, interpreted] = codecsOf(fields).map((codec) => outcomeOf(() => codec.encode(given as never)));
        expect(interpreted).toEqual(generated);
        if (!isFailure(generated)) return;
        refused++;
        expect(() => codecsOf(fields)[0].encode(given as never)).toThrow(ValueRangeError);
        expect(generated).toMatchObject({ code: "VALUE_RANGE", message: expect.stringContaining(`Any.${key}`) });
      }),
      { numRuns: 300 },
    );
    expect(refused).toBeGreaterThan(100);
  });

  test("take and refuse the same through their setters, and stay the same", () => {
    let refused = 0;
    let taken = 0;
    const set = schemaAndObject.chain(({ fields, object }) =>
      fc.record({
        fields: fc.constant(fields),
        object: fc.constant(object),
        tries: fc.array(fc.tuple(fc.nat(), arbitraryAnything), { minLength: 1, maxLength: 12 }),
      }),
    );
    fc.assert(
      fc.property(set, ({ fields, object, tries }) => {
        const both = codecsOf(fields).map((codec) => {
          const bytes = codec.encode(object as never);
          const flyweight = codec.flyweight().wrapBytes(bytes) as unknown as Loose;
          const groups = groupsOf(fields).filter(([key]) => (flyweight[key] as LooseGroup).count > 0);
          const outcomes = tries.map(([pick, value]) => {
            const inGroup = groups.length > 0 && pick % 2 === 0;
            const [key, inner] = inGroup ? (groups[0] as [string, GroupField]) : ["", undefined];
            const accessors = accessorsOf(inner?.fields ?? fields);
            const accessor = accessors[pick % Math.max(1, accessors.length)];
            if (accessor === undefined) return "nothing to set";
            const target = inGroup ? (flyweight[key] as LooseGroup).at(0) : flyweight;
            const outcome = outcomeOf(() => {
              target[accessor] = value;
              return copied(target[accessor]);
            });
            if (isFailure(outcome)) refused++;
            else taken++;
            return [accessor, outcome];
          });
          return [outcomes, bytes];
        });
        expect(both[1]).toEqual(both[0]);
      }),
      { numRuns: 200 },
    );
    expect(Math.min(refused, taken)).toBeGreaterThan(50);
  });

  test("make the same of arbitrary bytes: an object or an error", () => {
    const reached = { read: 0, BAD_LENGTH: 0, BAD_TEXT: 0 };
    const value = schemaAndObject.chain(({ fields, object }) =>
      fc.record({
        fields: fc.constant(fields),
        object: fc.constant(object),
        changes: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }),
        more: fc.integer({ min: -2, max: 2 }),
        noise: fc.uint8Array({ maxLength: 100 }),
        isNoise: fc.boolean(),
      }),
    );
    fc.assert(
      fc.property(value, ({ fields, object, changes, more, noise, isNoise }) => {
        const [generated, interpreted] = codecsOf(fields);
        let bytes = isNoise ? noise : generated.encode(object as never);
        if (!isNoise) {
          const longer = new Uint8Array(Math.max(0, bytes.byteLength + (changes.length === 3 ? more : 0)));
          longer.set(bytes.subarray(0, longer.byteLength));
          bytes = longer;
          for (const [at, byte] of changes) if (bytes.byteLength > 0) bytes[at % bytes.byteLength] = byte;
        }
        const outcome = outcomeOf(() => generated.decode(bytes));
        expect(outcomeOf(() => interpreted.decode(bytes))).toEqual(outcome);
        const wrapped = outcomeOf(() => void generated.flyweight().wrapBytes(bytes));
        expect(outcomeOf(() => void interpreted.flyweight().wrapBytes(bytes))).toEqual(wrapped);
        const code = isFailure(outcome) ? (outcome as { code: keyof typeof reached }).code : "read";
        reached[code]++;
        if (code === "read") {
          // What was read is written again; only padding may differ.
          expect(generated.decode(generated.encode(generated.decode(bytes)))).toEqual(generated.decode(bytes));
        }
      }),
      { numRuns: 400 },
    );
    expect(Object.keys(reached)).toHaveLength(3);
    expect(Math.min(...Object.values(reached))).toBeGreaterThan(5);
  });

  test("read a value wherever in its memory it stands", () => {
    fc.assert(
      fc.property(schemaAndObject, fc.nat(20), fc.nat(20), ({ fields, object }, before, behind) => {
        for (const codec of codecsOf(fields)) {
          const bytes = codec.encode(object as never);
          const memory = new Uint8Array(3 + before + bytes.byteLength + behind).fill(0xa5);
          memory.set(bytes, 3 + before);
          const view = new DataView(memory.buffer, 3);
          expect(codec.decodeAt(view, before, bytes.byteLength)).toEqual(object);
          expect(codec.flyweight().wrap(view, before, bytes.byteLength).toObject()).toEqual(object);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("let go of a value so that every read of it is an error with code RELEASED", () => {
    let read = 0;
    fc.assert(
      fc.property(schemaAndObject, ({ fields, object }) => {
        for (const codec of codecsOf(fields)) {
          const flyweight = codec.flyweight().wrapBytes(codec.encode(object as never));
          const loose = flyweight as unknown as Loose;
          const filled = groupsOf(fields).filter(([key]) => (loose[key] as LooseGroup).count > 0);
          const [tail, optional] = tailOf(fields) ?? ["", undefined];
          const inTail = optional === undefined ? undefined : (loose[tail] as Loose | undefined);
          const entries = filled.map(([key]) => (loose[key] as LooseGroup).at(0));
          flyweight.release();
          const released = expect.objectContaining({ code: "RELEASED" });
          for (const accessor of accessorsOf(fields)) {
            read++;
            expect(() => loose[accessor], accessor).toThrow(released);
            expect(() => Object.assign(loose, { [accessor]: object[accessor] ?? 0 }), accessor).toThrow(released);
          }
          if (optional !== undefined) expect(() => loose[tail]).toThrow(released);
          for (const accessor of accessorsOf(inTail === undefined ? {} : (optional?.fields as FieldMap))) {
            expect(() => inTail?.[accessor], accessor).toThrow(released);
          }
          for (const accessor of approximationsOf(fields)) expect(() => loose[accessor], accessor).toThrow(released);
          filled.forEach(([key, { fields: inner }], i) => {
            for (const accessor of accessorsOf(inner)) {
              expect(() => entries[i]?.[accessor], accessor).toThrow(released);
              expect(() => (loose[key] as LooseGroup).at(0)[accessor], accessor).toThrow(released);
            }
          });
          const seen = Object.keys(object).length - filled.length - (inTail === undefined ? 0 : 1);
          if (seen > 0) expect(() => flyweight.toObject()).toThrow(released);
        }
      }),
      { numRuns: 60 },
    );
    expect(read).toBeGreaterThan(200);
  });
});

describe("integers of 128 and 160 bits", () => {
  const kinds = {
    u128: [0n, 2n ** 128n - 1n],
    i128: [-(2n ** 127n), 2n ** 127n - 1n],
    u160: [0n, 2n ** 160n - 1n],
  } as const;

  test.each(Object.entries(kinds))(
    "%s: the approximation is within a few units of the last place of the value",
    (kind, [min, max]) => {
      const [codec] = codecsOf({ amount: { u128, i128, u160 }[kind as "u128"] });
      fc.assert(
        fc.property(fc.bigInt({ min, max }), fc.nat(160), (value, shift) => {
          const amount = value >> BigInt(shift);
          const { amountApprox } = codec.flyweight().wrapBytes(codec.encode({ amount })) as unknown as Loose;
          const error = Math.abs((amountApprox as number) - Number(amount));
          expect(error).toBeLessThanOrEqual(Math.abs(Number(amount)) * 2 ** -50);
        }),
      );
    },
  );

  test("a small negative one is not cancelled to nothing", () => {
    const [codec] = codecsOf({ amount: i128 });
    const shown = (amount: bigint) =>
      (codec.flyweight().wrapBytes(codec.encode({ amount })) as unknown as Loose).amountApprox;
    expect([-1n, -2n, 0n, 5n, -(2n ** 64n)].map(shown)).toEqual([-1, -2, 0, 5, -(2 ** 64)]);
  });
});
