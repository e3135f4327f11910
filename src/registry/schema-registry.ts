import { AlphaPulseError } from "../protocol/errors.js";
import type { AnyTLV, InputFor, TLV } from "../protocol/schema/tlv.js";
import { isUserType } from "../protocol/walk.js";
import { ALL_TLVS } from "../tlvs/all.js";
import { ErrorCode } from "../tlvs/codes.js";
import type { ErrorTLV, SchemaAnnounceTLV } from "../tlvs/system.js";
import { AnnouncedVersions } from "./announced-versions.js";
import { announcedTLV, announcementOf } from "./announcement.js";
import { differencesOf } from "./difference.js";
import { fingerprintOf } from "./fingerprint.js";

/** How a {@link SchemaRegistry} is made. */
export interface SchemaRegistryOptions {
  /** How many schemas it learns from announcements, versions counted one by one; default 256. */
  readonly learnedMax?: number;
}

/** How {@link SchemaRegistry.register} registers. */
export interface RegisterOptions {
  /** Whether messages of sources that announced nothing use this version; default true: the last one registered counts. */
  readonly current?: boolean;
}

/** The object of an {@link ErrorTLV} to answer with. */
type Reply = InputFor<typeof ErrorTLV>;

/** What became of an announcement. */
export type LearnResult =
  /** It was not known: its source's messages can be decoded from now on. */
  | { readonly outcome: "learned"; readonly tlv: AnyTLV }
  /** The same schema was known. */
  | { readonly outcome: "known"; readonly tlv: AnyTLV }
  /** Another one stands under this type and version: that source's messages of the type count as unknown. */
  | {
      readonly outcome: "differs";
      /** The one that stands. */
      readonly tlv: AnyTLV;
      /** What differs, a line each, for people. */
      readonly differences: readonly string[];
      /** Code SCHEMA_DIFFERS. */
      readonly error: AlphaPulseError;
      /** What to publish as an {@link ErrorTLV}, so that its producer hears of it. */
      readonly reply: Reply;
    }
  /** It is no schema, or passes a limit: that source's messages of the type count as unknown. */
  | {
      readonly outcome: "refused";
      /** Code BAD_ANNOUNCEMENT, BAD_SCHEMA or TOO_MANY_SCHEMAS. */
      readonly error: AlphaPulseError;
      /** As of `differs`. */
      readonly reply: Reply;
    };

/** What a registry holds and has seen. */
export interface SchemaRegistryStats {
  /** Schemas of user types, versions counted one by one. */
  readonly registered: number;
  readonly learned: number;
  /** Announcements by outcome. */
  readonly announcements: Readonly<Record<LearnResult["outcome"], number>>;
  /** TLVs that readers met and could not decode, by type: types that occurred. */
  readonly unknown: Readonly<Record<number, number>>;
}

/** The type among `Types` with this number or name; else any, if there is one. */
export type Found<Types extends AnyTLV, Key extends number | string> = [Matching<Types, Key>] extends [never]
  ? AnyTLV | undefined
  : Matching<Types, Key>;
/** What names no number, such as any TLV, matches none. */
type Matching<Types extends AnyTLV, Key> =
  Types extends TLV<infer _, infer Name, infer Type>
    ? number extends Type
      ? never
      : Key extends Name | Type
        ? Types
        : never
    : never;

interface Schema {
  readonly tlv: AnyTLV;
  readonly isRegistered: boolean;
}

const LEARNED_MAX_DEFAULT = 256;
const PROTOCOL_TLVS: readonly (AnyTLV | undefined)[] = /* @__PURE__ */ (() => {
  const byType: (AnyTLV | undefined)[] = new Array(256).fill(undefined);
  for (const tlv of ALL_TLVS) byType[tlv.type] = tlv;
  return byType;
})();

/**
 * The schemas that a program knows: those of the protocol, types 200 to 254 that it registered, and those it learned
 * from announcements; of each type any number of versions side by side. An object to be passed, never a global.
 */
export class SchemaRegistry<Types extends AnyTLV = AnyTLV> {
  readonly #learnedMax: number;
  /** By type and version. */
  readonly #schemas = new Map<number, Schema>();
  /** Per type: what was registered as current. */
  readonly #current: (AnyTLV | undefined)[] = [...PROTOCOL_TLVS];
  readonly #announced = new AnnouncedVersions();
  readonly #unknown = new Float64Array(256);
  readonly #announcements = { learned: 0, known: 0, differs: 0, refused: 0 };
  #learned = 0;

  /** @throws AlphaPulseError BAD_OPTION */
  constructor(options: SchemaRegistryOptions = {}) {
    const { learnedMax = LEARNED_MAX_DEFAULT } = options;
    if (!Number.isInteger(learnedMax) || learnedMax < 0) {
      throw new AlphaPulseError(
        "BAD_OPTION",
        `SchemaRegistry: learnedMax ${learnedMax} is no whole number of at least 0`,
      );
    }
    this.#learnedMax = learnedMax;
  }

  /**
   * Adds a type of one's own, or another version of it. Returns this registry, which then knows the type's fields:
   *
   * ```ts
   * const registry = new SchemaRegistry().register(FundingRateTLV);
   * registry.find(200).encode(…); // typed, as is find("FundingRate")
   * ```
   * @throws AlphaPulseError SCHEMA_DIFFERS where another schema has this type and version, or another type its name;
   * BAD_SCHEMA where its number is not 200 to 254
   */
  register<T extends AnyTLV>(tlv: T, options: RegisterOptions = {}): SchemaRegistry<Types | T> {
    const { type, version, name } = tlv;
    if (!isUserType(type)) {
      throw new AlphaPulseError("BAD_SCHEMA", `schema of ${name}: type ${type} is the protocol's: register 200 to 254`);
    }
    const standing = this.#standingAgainst(tlv);
    if (standing !== undefined) throw conflict(standing, tlv, differencesOf(standing, tlv, "given"));
    const known = this.#schemas.get(keyOf(type, version));
    if (known !== undefined && !known.isRegistered) this.#learned--;
    this.#schemas.set(keyOf(type, version), { tlv, isRegistered: true });
    if (options.current ?? true) this.#current[type] = tlv;
    return this as unknown as SchemaRegistry<Types | T>;
  }

  /**
   * The type with this number or name. Of several versions the current one, else the one with the highest number;
   * `undefined` where there is none.
   */
  find<const Key extends number | string>(key: Key): Found<Types, Key> {
    const found = typeof key === "number" ? this.#ofType(key) : this.#ofName(key);
    return found as Found<Types, Key>;
  }

  /** All versions of a type that it knows, in ascending order. */
  versions(type: number): readonly AnyTLV[] {
    const found = [...this.#schemas.values()].map(({ tlv }) => tlv).filter((tlv) => tlv.type === type);
    const protocol = PROTOCOL_TLVS[type];
    return protocol === undefined ? found.sort((a, b) => a.version - b.version) : [protocol];
  }

  /**
   * What decodes this type in messages of this source: the version that the source announced last, else what was
   * registered as current. `undefined` where the type is unknown, or what the source announced cannot be used.
   */
  schemaOf(type: number, source: number): AnyTLV | undefined {
    if (!isUserType(type)) return PROTOCOL_TLVS[type];
    const version = this.#announced.get(type, source);
    if (version === undefined) return this.#current[type];
    return version === "unreadable" ? undefined : this.#schemas.get(keyOf(type, version))?.tlv;
  }

  /**
   * Takes an announcement from anybody. The first schema of a type and version stands. Never throws for what it was
   * sent: an error is part of the result, with the answer that the other end should get.
   *
   * @param source who announced: of the message's header
   * @param sequence of the message's header, for the answer
   */
  learn(announcement: SchemaAnnounceTLV, source: number, sequence: number | bigint = 0n): LearnResult {
    const result = this.#judge(announcement, source, sequence);
    this.#announcements[result.outcome]++;
    const { type, version } = announcement;
    const isUsable = result.outcome === "learned" || result.outcome === "known";
    if (isUserType(type)) this.#announced.set(type, source, isUsable ? version : "unreadable");
    return result;
  }

  /** Forgets a schema, registered or learned; says whether there was one. Sources that announced it become unknown. */
  forget(type: number, version: number): boolean {
    const found = this.#schemas.get(keyOf(type, version));
    if (found === undefined) return false;
    this.#schemas.delete(keyOf(type, version));
    if (!found.isRegistered) this.#learned--;
    if (this.#current[type] === found.tlv) this.#current[type] = undefined;
    this.#announced.drop(type, version);
    return true;
  }

  /** The announcements of all that was registered as current, by ascending type: what a producer publishes first. */
  announcements(): InputFor<typeof SchemaAnnounceTLV>[] {
    return this.#current.flatMap((tlv) => (tlv !== undefined && isUserType(tlv.type) ? [announcementOf(tlv)] : []));
  }

  /** What it holds and has seen. */
  stats(): SchemaRegistryStats {
    const unknown: Record<number, number> = {};
    this.#unknown.forEach((count, type) => {
      if (count > 0) unknown[type] = count;
    });
    return {
      registered: this.#schemas.size - this.#learned,
      learned: this.#learned,
      announcements: { ...this.#announcements },
      unknown,
    };
  }

  /** Counts a TLV that a reader could not decode. @internal */
  countUnknown(type: number): void {
    (this.#unknown[type] as number)++;
  }

  #judge(announcement: SchemaAnnounceTLV, source: number, sequence: number | bigint): LearnResult {
    try {
      const announced = announcedTLV(announcement);
      const standing = this.#standingAgainst(announced);
      if (standing !== undefined) {
        const differences = differencesOf(standing, announced);
        const error = conflict(standing, announced, differences);
        return { outcome: "differs", tlv: standing, differences, error, reply: replyOf(error, source, sequence) };
      }
      const known = this.#schemas.get(keyOf(announced.type, announced.version));
      if (known !== undefined) return { outcome: "known", tlv: known.tlv };
      if (this.#learned >= this.#learnedMax) {
        const detail = `${this.#learned} schemas are learned already: raise learnedMax, or forget some`;
        throw new AlphaPulseError("TOO_MANY_SCHEMAS", `${announced.name} (type ${announced.type}): ${detail}`);
      }
      this.#schemas.set(keyOf(announced.type, announced.version), { tlv: announced, isRegistered: false });
      this.#learned++;
      return { outcome: "learned", tlv: announced };
    } catch (error) {
      if (!(error instanceof AlphaPulseError)) throw error;
      return { outcome: "refused", error, reply: replyOf(error, source, sequence) };
    }
  }

  /** What stands in the way of a schema: another one of its type and version, or another type of its name. */
  #standingAgainst(tlv: AnyTLV): AnyTLV | undefined {
    const same = this.#schemas.get(keyOf(tlv.type, tlv.version))?.tlv;
    if (same !== undefined) return fingerprintOf(same) === fingerprintOf(tlv) ? undefined : same;
    const namesake = this.#ofName(tlv.name);
    return namesake === undefined || namesake.type === tlv.type ? undefined : namesake;
  }

  #ofType(type: number): AnyTLV | undefined {
    return this.#current[type] ?? this.versions(type).at(-1);
  }

  #ofName(name: string): AnyTLV | undefined {
    const found = this.#current.find((tlv) => tlv?.name === name);
    if (found !== undefined) return found;
    const others = [...this.#schemas.values()].map(({ tlv }) => tlv).filter((tlv) => tlv.name === name);
    return others.sort((a, b) => a.version - b.version).at(-1);
  }
}

function keyOf(type: number, version: number): number {
  return (type << 8) | version;
}

function conflict(standing: AnyTLV, other: AnyTLV, differences: readonly string[]): AlphaPulseError {
  const { name, type, version } = other;
  const [first, why] =
    standing.type === type
      ? [`another schema of ${name} (type ${type}, version ${version}) stands`, differences.join("; ")]
      : [`type ${type} cannot be called ${name}`, `so is type ${standing.type}`];
  return new AlphaPulseError(
    "SCHEMA_DIFFERS",
    `${first}: ${why}. The first one stays: give yours another ${standing.type === type ? "version or type" : "name"}`,
  );
}

const REPLY_CHARS_MAX = 2_000;

function replyOf(error: AlphaPulseError, source: number, sequence: number | bigint): Reply {
  const code = error.code === "SCHEMA_DIFFERS" ? ErrorCode.SchemaDiffers : ErrorCode.SchemaRefused;
  const message =
    error.message.length > REPLY_CHARS_MAX ? `${error.message.slice(0, REPLY_CHARS_MAX)}…` : error.message;
  // A view says NaN of a sequence that a number cannot hold.
  const refSequence = typeof sequence === "bigint" ? sequence : Number.isNaN(sequence) ? 0n : BigInt(sequence);
  return { refSequence, refSource: source, code, message };
}
