import { type Bytes, fromUtf8 } from "./encoding.ts";

/** What a device's own platform keeps to check its person with: a WebAuthn credential of this page. */
export interface PlatformCredential {
  /** base64url, as the browser named it. */
  id: string;
  /** The host that the browser bound it to. */
  rpId: string;
  /** ECDSA P-256 or RSASSA-PKCS1-v1_5, with SHA-256. */
  publicKey: CryptoKey;
  /** The highest signature counter that was seen; 0 while the platform counts none. */
  signCount: number;
}

/** What a platform says about its person, as the browser hands it over. */
export interface Assertion {
  id: string;
  clientDataJSON: ArrayBuffer;
  authenticatorData: ArrayBuffer;
  signature: ArrayBuffer;
}

/** What an assertion has to be about. */
export interface AssertionCheck {
  credential: PlatformCredential;
  /** base64url of the bytes that the browser was given. */
  challenge: string;
  origin: string;
}

/** Why an assertion is not believed. */
export class AssertionError extends Error {
  readonly reason:
    | "malformed"
    | "other_credential"
    | "other_type"
    | "other_challenge"
    | "other_origin"
    | "other_host"
    | "not_present"
    | "not_verified"
    | "bad_signature"
    | "counter";

  constructor(reason: AssertionError["reason"]) {
    super(`this check of the person is not believed: ${reason}`);
    this.name = "AssertionError";
    this.reason = reason;
  }
}

// Flags of authenticator data (WebAuthn Level 2, section 6.1).
const PRESENT = 0x01;
const VERIFIED = 0x04;
/** The hash of the host, the flags, the counter. */
const DATA_BYTES = 37;

/** COSE's names for what a platform may sign with (RFC 9053, section 2.1; RFC 8812, section 2). */
export const ES256 = -7;
export const RS256 = -257;

/** Imports the public key that a browser told of a new credential. Rejects when it is none. */
export async function importCredentialKey(
  spki: ArrayBuffer,
  algorithm: number,
): Promise<CryptoKey> {
  const kind =
    algorithm === RS256
      ? { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }
      : { name: "ECDSA", namedCurve: "P-256" };
  return await crypto.subtle.importKey("spki", spki, kind, true, ["verify"]);
}

/**
 * Checks that the platform verified its person for exactly this challenge, as a relying party does
 * (WebAuthn Level 2, section 7.2), and returns the new signature counter. Throws an AssertionError.
 */
export async function checkAssertion(assertion: Assertion, check: AssertionCheck): Promise<number> {
  const { credential } = check;
  if (assertion.id !== credential.id) throw new AssertionError("other_credential");
  checkClientData(assertion.clientDataJSON, check);
  const data = new Uint8Array(assertion.authenticatorData);
  if (data.length < DATA_BYTES) throw new AssertionError("malformed");
  const host = await digest(new TextEncoder().encode(credential.rpId));
  if (!host.every((byte, at) => byte === data[at])) throw new AssertionError("other_host");
  const flags = data[32] ?? 0;
  if (!(flags & PRESENT)) throw new AssertionError("not_present");
  if (!(flags & VERIFIED)) throw new AssertionError("not_verified");
  const about = await digest(new Uint8Array(assertion.clientDataJSON));
  const signed = new Uint8Array([...data, ...about]);
  if (!(await isSigned(credential.publicKey, new Uint8Array(assertion.signature), signed))) {
    throw new AssertionError("bad_signature");
  }
  // A counter that stands still tells of a copy (section 6.1.1); many platforms count none.
  const count = new DataView(assertion.authenticatorData).getUint32(33);
  if ((count > 0 || credential.signCount > 0) && count <= credential.signCount) {
    throw new AssertionError("counter");
  }
  return count;
}

// What the browser itself says that it asked, and for whom (section 5.8.1).
function checkClientData(json: ArrayBuffer, { challenge, origin }: AssertionCheck): void {
  let told: Record<string, unknown> | null;
  try {
    told = JSON.parse(fromUtf8(new Uint8Array(json)));
  } catch {
    throw new AssertionError("malformed");
  }
  if (told?.type !== "webauthn.get") throw new AssertionError("other_type");
  if (told.challenge !== challenge) throw new AssertionError("other_challenge");
  if (told.origin !== origin || told.crossOrigin === true) throw new AssertionError("other_origin");
}

async function isSigned(key: CryptoKey, signature: Bytes, signed: Bytes): Promise<boolean> {
  if (key.algorithm.name !== "ECDSA") {
    return await crypto.subtle.verify(key.algorithm.name, key, signature, signed);
  }
  const plain = plainSignature(signature);
  const algorithm = { name: "ECDSA", hash: "SHA-256" };
  return plain !== null && (await crypto.subtle.verify(algorithm, key, plain, signed));
}

/** Bytes of one number of a P-256 signature. */
const NUMBER_BYTES = 32;

// Platforms write an ECDSA signature as ASN.1 (section 6.5.6), WebCrypto reads its two numbers
// side by side. Null when it is neither.
function plainSignature(der: Bytes): Bytes | null {
  const plain = new Uint8Array(2 * NUMBER_BYTES);
  if (der[0] !== 0x30 || der[1] !== der.length - 2) return null;
  let at = 2;
  for (const end of [NUMBER_BYTES, 2 * NUMBER_BYTES]) {
    const length = der[at + 1] ?? 0;
    if (der[at] !== 0x02 || length === 0 || at + 2 + length > der.length) return null;
    // A leading zero says that the number is positive.
    const number = der.subarray(at + 2, at + 2 + length);
    const digits = number[0] === 0 ? number.subarray(1) : number;
    if (digits.length > NUMBER_BYTES) return null;
    plain.set(digits, end - digits.length);
    at += 2 + length;
  }
  return at === der.length ? plain : null;
}

async function digest(bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
