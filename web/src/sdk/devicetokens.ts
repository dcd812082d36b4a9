import type { ServerClock } from "./clock.ts";
import { randomId, sha256 } from "./encoding.ts";
import { signJws } from "./jws.ts";
import type { DeviceRecord } from "./keys.ts";

/** The contract allows a minute; half of it leaves room for a slow network. */
const LIFE_SECONDS = 30;

/** What a person decided. `report` is "this isn't me": it denies, and warns. */
export interface Answer {
  decision: "approve" | "deny" | "report";
  /** The number that was typed, when one was asked. */
  number?: string;
  /**
   * The device has just checked who holds it, for this very request: a page by `verifyUser`, a
   * native app by the fingerprint, face or PIN that its platform asks for (Android
   * BiometricPrompt, iOS LocalAuthentication). The server takes the device's word for it.
   */
  userVerification?: boolean;
}

/** Signs for one device. Times are the server's, so a wrong local clock does not matter. */
export class DeviceTokens {
  readonly #record: DeviceRecord;
  readonly #clock: ServerClock;

  constructor(record: DeviceRecord, clock: ServerClock) {
    this.#record = record;
    this.#clock = clock;
  }

  /** Proves the device to a WebSocket that challenged with `nonce`. */
  async forSocket(nonce: string): Promise<string> {
    return await this.#identify({ nonce });
  }

  /** The `Authorization` of one REST call. */
  async forCall(): Promise<string> {
    return `Device ${await this.#identify({ jti: randomId() })}`;
  }

  /** Binds an answer to exactly what was shown. */
  async answer(verificationId: string, signed: string, answer: Answer): Promise<string> {
    const { decision, number, userVerification } = answer;
    return await signJws(this.#record.signKey, "nod-answer+jwt", {
      iss: this.#record.id,
      aud: this.#record.audience,
      iat: this.#clock.seconds(),
      verification_id: verificationId,
      prompt_sha256: await sha256(signed),
      decision,
      ...(number === undefined ? {} : { number }),
      ...(userVerification === undefined ? {} : { user_verification: userVerification }),
    });
  }

  async #identify(claims: { nonce: string } | { jti: string }): Promise<string> {
    const iat = this.#clock.seconds();
    return await signJws(this.#record.signKey, "nod-device+jwt", {
      iss: this.#record.id,
      aud: this.#record.audience,
      iat,
      exp: iat + LIFE_SECONDS,
      ...claims,
    });
  }
}

/** Proves, at enrollment, that the private half of the sent key is here. */
export async function enrollmentProof(
  key: CryptoKey,
  audience: string,
  enrollmentToken: string,
  iat: number,
): Promise<string> {
  const enrollment_sha256 = await sha256(enrollmentToken);
  return await signJws(key, "nod-enroll+jwt", { aud: audience, iat, enrollment_sha256 });
}
