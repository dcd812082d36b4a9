/** Bytes whose memory is their own, as WebCrypto asks for. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** UTF-8 bytes of a text. */
export function utf8(text: string): Bytes {
  return new TextEncoder().encode(text) as Bytes;
}

/** Text of UTF-8 bytes; throws a TypeError when they are none. */
export function fromUtf8(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

/** base64url without padding (RFC 4648, section 5). */
export function base64url(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The bytes of an unpadded base64url text; throws a TypeError on anything else. */
export function fromBase64url(text: string): Bytes {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) {
    throw new TypeError("not base64url");
  }
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  // One spelling per value: the unused last bits must be zero.
  if (base64url(bytes) !== text) throw new TypeError("not canonical base64url");
  return bytes;
}

/** base64url of the SHA-256 of a text, the way tokens are bound to what they answer. */
export async function sha256(text: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(text))));
}

/** A fresh random name of 128 bits. `crypto.randomUUID` is missing on plain http origins. */
export function randomId(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(16)));
}
