import { type Bytes, fromBase64url, fromUtf8, utf8 } from "./encoding.ts";

/** A push message that this device cannot read. */
export class JweError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "JweError";
  }
}

/**
 * Opens a compact JWE of the one kind that the server makes: `ECDH-ES` on P-256 with `A256GCM`
 * (RFC 7516, RFC 7518 section 4.6). `key` is the device's private ECDH key. Throws a JweError.
 */
export async function openJwe(token: string, key: CryptoKey): Promise<string> {
  const [head, wrappedKey, iv, ciphertext, tag, extra] = token.split(".");
  const complete = head && iv && ciphertext !== undefined && tag;
  if (!complete || wrappedKey !== "" || extra !== undefined) {
    throw new JweError("not a compact token with a key agreed directly");
  }
  try {
    const header = JSON.parse(fromUtf8(fromBase64url(head)));
    if (header.alg !== "ECDH-ES" || header.enc !== "A256GCM" || header.crit || header.zip) {
      throw new JweError("only ECDH-ES with A256GCM is accepted");
    }
    const { kty, crv, x, y } = header.epk ?? {};
    const curve = { name: "ECDH", namedCurve: "P-256" };
    const sender = await crypto.subtle.importKey("jwk", { kty, crv, x, y }, curve, false, []);
    const shared = await crypto.subtle.deriveBits({ name: "ECDH", public: sender }, key, 256);
    const content = await concatKdf(new Uint8Array(shared), header.enc, header.apu, header.apv);
    const gcm = { name: "AES-GCM", iv: fromBase64url(iv), additionalData: utf8(head) };
    const aes = await crypto.subtle.importKey("raw", content, "AES-GCM", false, ["decrypt"]);
    const sealed = join(fromBase64url(ciphertext), fromBase64url(tag));
    return fromUtf8(new Uint8Array(await crypto.subtle.decrypt(gcm, aes, sealed)));
  } catch (cause) {
    if (cause instanceof JweError) throw cause;
    throw new JweError("the message cannot be opened with this device's key", { cause });
  }
}

/** The key derivation of RFC 7518 section 4.6.2 for 256 bits: one round of SHA-256. */
export async function concatKdf(
  shared: Bytes,
  algorithm: string,
  apu = "",
  apv = "",
): Promise<Bytes> {
  const input = join(
    number(1),
    shared,
    withLength(utf8(algorithm)),
    withLength(fromBase64url(apu)),
    withLength(fromBase64url(apv)),
    number(256),
  );
  return new Uint8Array(await crypto.subtle.digest("SHA-256", input));
}

function withLength(bytes: Bytes): Bytes {
  return join(number(bytes.length), bytes);
}

function number(value: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function join(...parts: Bytes[]): Bytes {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
