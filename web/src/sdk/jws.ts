import { base64url, fromBase64url, fromUtf8, utf8 } from "./encoding.ts";

/** The curve of every key here: P-256, signed with SHA-256 (ES256, RFC 7518 section 3.4). */
const CURVE = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" } as const;

/** A public P-256 key as it stands in a key set (RFC 7517). */
export interface PublicJwk {
  kty: "EC";
  crv: "P-256";
  x: string;
  y: string;
  kid?: string;
  alg?: string;
  use?: string;
}

/** A set of public keys. */
export interface Jwks {
  keys: PublicJwk[];
}

/** Why a token was not believed. */
export class JwsError extends Error {
  /** `unknown_key` alone is worth another look at the server's key set. */
  readonly reason: "malformed" | "wrong_type" | "unknown_key" | "bad_signature";

  constructor(reason: JwsError["reason"], message: string) {
    super(message);
    this.name = "JwsError";
    this.reason = reason;
  }
}

/** Signs claims as a compact JWS with ES256 (RFC 7515); `typ` says what kind of token it is. */
export async function signJws(key: CryptoKey, typ: string, claims: object): Promise<string> {
  const header = base64url(utf8(JSON.stringify({ alg: "ES256", typ })));
  const signed = `${header}.${base64url(utf8(JSON.stringify(claims)))}`;
  const signature = await crypto.subtle.sign(SIGNATURE, key, utf8(signed));
  return `${signed}.${base64url(new Uint8Array(signature))}`;
}

/**
 * Checks a compact ES256 token of the given `typ` against a key set and returns its claims.
 * Times, issuer and audience are the caller's to check. Throws a JwsError.
 */
export async function verifyJws(
  token: string,
  typ: string,
  jwks: Jwks,
): Promise<Record<string, unknown>> {
  const parts = token.split(".");
  const [head, body, tail] = parts;
  if (parts.length !== 3 || !head || !body || !tail) {
    throw new JwsError("malformed", "a compact token has three parts");
  }
  const header = readJson(head);
  if (header.alg !== "ES256" || header.crit !== undefined) {
    throw new JwsError("malformed", "only ES256 without critical extensions is accepted");
  }
  if (header.typ !== typ) throw new JwsError("wrong_type", `a token of type ${typ} is expected`);

  const jwk = chooseKey(jwks, header.kid);
  const key = await importPublicKey(jwk);
  const signature = decode(tail);
  const valid = await crypto.subtle.verify(SIGNATURE, key, signature, utf8(`${head}.${body}`));
  if (!valid) throw new JwsError("bad_signature", "the signature does not fit");
  return readJson(body);
}

/** Imports a public signing key. Throws a JwsError when it is no point of the curve. */
export async function importPublicKey(jwk: PublicJwk): Promise<CryptoKey> {
  try {
    const { kty, crv, x, y } = jwk;
    return await crypto.subtle.importKey("jwk", { kty, crv, x, y }, CURVE, true, ["verify"]);
  } catch {
    throw new JwsError("unknown_key", "the key cannot be read");
  }
}

/** The public half of a key pair, with nothing in it but the point. */
export async function publicJwk(key: CryptoKey): Promise<PublicJwk> {
  const { x, y } = await crypto.subtle.exportKey("jwk", key);
  return { kty: "EC", crv: "P-256", x: x ?? "", y: y ?? "" };
}

// A set of one key may leave out the name; otherwise the name decides.
function chooseKey(jwks: Jwks, kid: unknown): PublicJwk {
  const found =
    kid === undefined && jwks.keys.length === 1
      ? jwks.keys[0]
      : jwks.keys.find((key) => key.kid !== undefined && key.kid === kid);
  if (!found) throw new JwsError("unknown_key", "the key that signed is not in the set");
  return found;
}

function decode(text: string) {
  try {
    return fromBase64url(text);
  } catch {
    throw new JwsError("malformed", "a part is not base64url");
  }
}

function readJson(text: string): Record<string, unknown> {
  const bytes = decode(text);
  try {
    const value: unknown = JSON.parse(fromUtf8(bytes));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // Falls through to the one refusal below.
  }
  throw new JwsError("malformed", "a part is not a JSON object");
}
