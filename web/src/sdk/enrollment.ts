import { ServerClock } from "./clock.ts";
import { enrollmentProof } from "./devicetokens.ts";
import { NodError } from "./errors.ts";
import { type Jwks, publicJwk } from "./jws.ts";
import { type DeviceRecord, type KeyStore, makeEncryptKeys, makeSignKeys } from "./keys.ts";
import { Rest } from "./rest.ts";

/** A server's time off by more than this is worth a second proof; the server allows 60 s. */
const SKEW_MS = 30_000;

/** Where a device can be woken. */
export interface PushTarget {
  provider: "fcm" | "apns" | "webpush";
  token: string;
}

/** What enrolling needs. */
export interface EnrollOptions {
  baseUrl: string;
  /** One use, ten minutes. */
  token: string;
  /** What the person calls the device. */
  name: string;
  platform?: "android" | "ios" | "web";
  push?: PushTarget;
  keys: KeyStore;
  slot: string;
  /** The server's public URL where it is not `baseUrl`. */
  audience?: string;
  fetch?: typeof fetch;
  now?: () => number;
}

interface Enrolled {
  id: string;
  user_id: string;
  jwks: Jwks;
  created_at: string;
}

/** Makes keys, joins the user's devices and keeps the result in its slot. Throws a NodError. */
export async function enroll(options: EnrollOptions): Promise<DeviceRecord> {
  const baseUrl = options.baseUrl.replace(/\/+$/, "");
  const audience = options.audience ?? baseUrl;
  const clock = new ServerClock(options.now);
  const rest = new Rest({ baseUrl, clock, fetch: options.fetch });
  const [sign, encrypt] = await Promise.all([makeSignKeys(), makeEncryptKeys()]);
  const join = async (): Promise<Enrolled> =>
    await rest.call("POST", "/api/v1/devices", {
      body: {
        enrollment_token: options.token,
        name: options.name,
        platform: options.platform ?? "web",
        sign_jwk: await publicJwk(sign.publicKey),
        encrypt_jwk: await publicJwk(encrypt.publicKey),
        ...(options.push ? { push: options.push } : {}),
        proof: await enrollmentProof(sign.privateKey, audience, options.token, clock.seconds()),
      },
    });
  let enrolled: Enrolled;
  try {
    enrolled = await join();
  } catch (error) {
    // The refusal told the server's time: a proof that was only dated wrongly is made again.
    const refused = error instanceof NodError && (error.status === 401 || error.status === 422);
    if (!refused || Math.abs(clock.offset) < SKEW_MS) throw error;
    enrolled = await join();
  }
  const record: DeviceRecord = {
    id: enrolled.id,
    userId: enrolled.user_id,
    name: options.name,
    baseUrl,
    audience,
    jwks: enrolled.jwks,
    signKey: sign.privateKey,
    encryptKey: encrypt.privateKey,
    createdAt: enrolled.created_at,
  };
  await options.keys.save(options.slot, record);
  return record;
}

/** What an enrollment link or QR code says. */
export interface Invitation {
  token: string;
  /** The server, when the text names one. */
  baseUrl?: string;
  /** The demo person's own capability, in links of the demo. */
  demo?: string;
}

/**
 * Reads an enrollment out of a link (`https://…/phone#enroll=…`), its fragment alone, a `nod:` URI
 * (`nod:enroll#url=…&token=…`) or the bare token; null when the text is none of these.
 */
export function parseInvitation(text: string): Invitation | null {
  const trimmed = text.trim();
  if (/^[A-Za-z0-9._~-]{16,}$/.test(trimmed)) return { token: trimmed };
  const mark = trimmed.search(/[#?]/);
  if (mark < 0) return null;
  const fragment = trimmed.indexOf("#");
  const parameters = new URLSearchParams(trimmed.slice((fragment < 0 ? mark : fragment) + 1));
  const token = parameters.get("enroll") ?? parameters.get("token");
  if (!token) return null;
  const server =
    parameters.get("url") ?? parameters.get("server") ?? /^https?:\/\/[^/?#]+/.exec(trimmed)?.[0];
  const demo = parameters.get("demo");
  return { token, ...(server ? { baseUrl: server } : {}), ...(demo ? { demo } : {}) };
}
