import { AlphaPulseError } from "../protocol/errors.js";

/** A token, or where to get one. A function is called for each attempt to connect, so that tokens can change. */
export type TokenSource = string | Uint8Array | (() => string | Uint8Array | Promise<string | Uint8Array>);

const TOKEN_BYTES_MAX = 0xffff;

/** The bytes of a token; none where there is none. @throws AlphaPulseError TOKEN_FAILED or BAD_OPTION */
export async function tokenBytes(source: TokenSource): Promise<Uint8Array> {
  let token: string | Uint8Array;
  try {
    token = typeof source === "function" ? await source() : source;
  } catch (error) {
    throw new AlphaPulseError("TOKEN_FAILED", "the function that gives the token threw", { cause: error });
  }
  const bytes = typeof token === "string" ? new TextEncoder().encode(token) : token;
  if (!(bytes instanceof Uint8Array)) throw badToken("is neither text nor bytes");
  if (bytes.byteLength > TOKEN_BYTES_MAX) throw badToken(`has ${bytes.byteLength} bytes, more than ${TOKEN_BYTES_MAX}`);
  return bytes;
}

/** A token that others on the way could read is none. */
export function tokenInClear(peer: string): AlphaPulseError {
  return new AlphaPulseError(
    "TOKEN_IN_CLEAR",
    `${peer}: others could read the token on the way; use a Unix socket, a ring or an encrypted link, or no token`,
  );
}

function badToken(what: string): AlphaPulseError {
  return new AlphaPulseError("BAD_OPTION", `connect: the token ${what}`);
}
