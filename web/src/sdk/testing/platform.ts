import { ES256, RS256 } from "../assertion.ts";
import { base64url, utf8 } from "../encoding.ts";

type Question = CredentialCreationOptions | CredentialRequestOptions;

/** What a test may bend of what the platform signs. */
export interface Bent {
  type?: string;
  challenge?: string;
  origin?: string;
  crossOrigin?: boolean;
  rpId?: string;
  /** 1 present, 4 verified. */
  flags?: number;
  count?: number;
}

/**
 * A device's own authenticator as a browser shows it to a page: it makes keys and signs with them,
 * in the formats of WebAuthn. The test plays the person.
 */
export class Platform {
  /** What the person does when the browser asks. */
  says: "yes" | "no" = "yes";
  /** Whether it has a fingerprint, face or PIN at all. */
  available = true;
  bent: Bent = {};
  /** What it was asked, oldest first. */
  readonly asked: ("create" | "get")[] = [];
  /** The options of the last question. */
  last: Question = {};
  readonly #origin: string;
  readonly #algorithm: number;
  readonly #keys = new Map<string, CryptoKeyPair>();
  #count = 0;

  constructor(origin: string, algorithm = ES256) {
    this.#origin = origin;
    this.#algorithm = algorithm;
  }

  /** What a page finds at `PublicKeyCredential`. */
  readonly publicKeyCredential = {
    isUserVerifyingPlatformAuthenticatorAvailable: async () => this.available,
  };

  /** What a page finds at `navigator.credentials`. */
  readonly credentials = {
    create: async (options: CredentialCreationOptions) => {
      await this.#ask("create", options);
      const keys = await makeKeys(this.#algorithm);
      const rawId = crypto.getRandomValues(new Uint8Array(16));
      this.#keys.set(base64url(rawId), keys);
      const spki = await crypto.subtle.exportKey("spki", keys.publicKey);
      const response = {
        getPublicKey: () => spki,
        getPublicKeyAlgorithm: () => this.#algorithm,
      };
      return { id: base64url(rawId), rawId: rawId.buffer, response };
    },
    get: async (options: CredentialRequestOptions) => {
      await this.#ask("get", options);
      const { challenge, allowCredentials = [], rpId = "" } = options.publicKey ?? {};
      const ids = allowCredentials.map((one) => base64url(new Uint8Array(one.id as ArrayBuffer)));
      const id = ids.find((one) => this.#keys.has(one));
      if (!id) throw notAllowed();
      return await this.sign(id, base64url(new Uint8Array(challenge as ArrayBuffer)), rpId);
    },
  };

  /** Forgets its credentials, as a person may have it do. */
  forget(): void {
    this.#keys.clear();
  }

  /** Signs a challenge (WebAuthn Level 2, section 6.3.3), as far as nothing is bent. */
  async sign(id: string, challenge: string, rpId: string) {
    const { flags = 5, count = ++this.#count, ...bent } = this.bent;
    const told = { type: "webauthn.get", challenge, origin: this.#origin, crossOrigin: false };
    const client = utf8(JSON.stringify({ ...told, ...bent, rpId: undefined }));
    const data = new Uint8Array(37);
    data.set(await sha256(utf8(bent.rpId ?? rpId)));
    data[32] = flags;
    new DataView(data.buffer).setUint32(33, count);
    const signed = new Uint8Array([...data, ...(await sha256(client))]);
    const key = this.#keys.get(id)?.privateKey as CryptoKey;
    return {
      id,
      response: {
        clientDataJSON: client.buffer,
        authenticatorData: data.buffer,
        signature: await signature(key, signed),
      },
    };
  }

  async #ask(what: "create" | "get", options: Question) {
    this.asked.push(what);
    this.last = options;
    if (options.signal?.aborted) throw new DOMException("taken back", "AbortError");
    if (this.says === "no") throw notAllowed();
  }
}

// Browsers say the same to all that goes wrong between them and the person.
function notAllowed(): DOMException {
  return new DOMException("it timed out or was not allowed", "NotAllowedError");
}

async function makeKeys(algorithm: number): Promise<CryptoKeyPair> {
  if (algorithm !== RS256) {
    const curve = { name: "ECDSA", namedCurve: "P-256" };
    return await crypto.subtle.generateKey(curve, false, ["sign", "verify"]);
  }
  const rsa = {
    name: "RSASSA-PKCS1-v1_5",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: "SHA-256",
  };
  return await crypto.subtle.generateKey(rsa, false, ["sign", "verify"]);
}

async function signature(key: CryptoKey, signed: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  if (key.algorithm.name !== "ECDSA")
    return await crypto.subtle.sign(key.algorithm.name, key, signed);
  const plain = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, signed);
  const numbers = [plain.slice(0, 32), plain.slice(32)].flatMap((half) =>
    asn1(new Uint8Array(half)),
  );
  return new Uint8Array([0x30, numbers.length, ...numbers]).buffer;
}

// An ASN.1 integer: as short as can be, and not negative.
function asn1(bytes: Uint8Array): number[] {
  const digits = [...bytes];
  while (digits.length > 1 && digits[0] === 0) digits.shift();
  if ((digits[0] ?? 0) >= 0x80) digits.unshift(0);
  return [0x02, digits.length, ...digits];
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
