import { base64url, utf8 } from "../encoding.ts";
import { type Jwks, type PublicJwk, publicJwk } from "../jws.ts";
import { makeSignKeys } from "../keys.ts";
import type { PromptFrame } from "../protocol.ts";

/** The server's signing key, and the requests that it signs. */
export class Authority {
  readonly #key: CryptoKey;
  readonly #issuer: string;
  readonly jwk: PublicJwk;

  private constructor(key: CryptoKey, jwk: PublicJwk, issuer: string) {
    this.#key = key;
    this.jwk = jwk;
    this.#issuer = issuer;
  }

  static async make(issuer: string, kid = "k1"): Promise<Authority> {
    const keys = await makeSignKeys();
    return new Authority(keys.privateKey, { ...(await publicJwk(keys.publicKey)), kid }, issuer);
  }

  get jwks(): Jwks {
    return { keys: [this.jwk] };
  }

  /** A request as the server would send it; `claims` changes what is signed. */
  async prompt(deviceId: string, id: number, claims: object = {}): Promise<PromptFrame> {
    const frame = {
      verification_id: `ver_${id}`,
      delivery_id: `dlv_${id}`,
      purpose: "login",
      context: { app: "Nod Demo Bank", location: "Zürich" },
      match: { digits: 3 },
      expires_at: new Date(Date.now() + 120_000).toISOString(),
    };
    const signed = await this.#sign({ iss: this.#issuer, aud: deviceId, ...frame, ...claims });
    return { ...frame, signed, remaining: 120 };
  }

  async #sign(claims: object): Promise<string> {
    const header = { alg: "ES256", typ: "nod-prompt+jwt", kid: this.jwk.kid };
    const text = [header, claims].map((part) => base64url(utf8(JSON.stringify(part)))).join(".");
    const algorithm = { name: "ECDSA", hash: "SHA-256" };
    const signature = await crypto.subtle.sign(algorithm, this.#key, utf8(text));
    return `${text}.${base64url(new Uint8Array(signature))}`;
  }
}
