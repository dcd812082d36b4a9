import { base64url, utf8 } from "../encoding.ts";
import { concatKdf } from "../jwe.ts";
import { publicJwk } from "../jws.ts";
import { makeEncryptKeys } from "../keys.ts";

/** Seals a text for a device as the server does: `ECDH-ES`, `A256GCM`, P-256. */
export async function seal(text: string, key: CryptoKey): Promise<string> {
  const once = await makeEncryptKeys();
  const parts = { alg: "ECDH-ES", enc: "A256GCM", epk: await publicJwk(once.publicKey) };
  const header = base64url(utf8(JSON.stringify(parts)));
  const agreed = { name: "ECDH", public: key };
  const shared = await crypto.subtle.deriveBits(agreed, once.privateKey, 256);
  const content = await concatKdf(new Uint8Array(shared), "A256GCM");
  const aes = await crypto.subtle.importKey("raw", content, "AES-GCM", false, ["encrypt"]);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const gcm = { name: "AES-GCM", iv, additionalData: utf8(header) };
  const sealed = new Uint8Array(await crypto.subtle.encrypt(gcm, aes, utf8(text)));
  const [body, tag] = [sealed.subarray(0, -16), sealed.subarray(-16)];
  return [header, "", base64url(iv), base64url(body), base64url(tag)].join(".");
}
