// Checks the person in front of a page by the device's own means, with WebAuthn. Of the SDK's
// files only pages load this one.

import {
  AssertionError,
  checkAssertion,
  ES256,
  importCredentialKey,
  type PlatformCredential,
  RS256,
} from "./assertion.ts";
import type { Device } from "./device.ts";
import { base64url, fromBase64url, sha256, utf8 } from "./encoding.ts";
import type { Prompt } from "./prompts.ts";

/**
 * Whether this browser can check its person: `unnamed` when the page stands at a bare address,
 * which no credential can be bound to (WebAuthn Level 2, section 5.1.3: a valid domain).
 */
export type Ability = "able" | "unnamed" | "unable";

/** The person was not checked, so nothing may say so. */
export class UserNotVerified extends Error {
  /**
   * `not_done`: closed, too late, or not the right person, browsers do not say which; may be tried
   * again. `unable`: never here. `not_believed`: what came back is not about this request.
   */
  readonly reason: "not_done" | "unable" | "not_believed";

  constructor(reason: UserNotVerified["reason"], cause: unknown) {
    super(`the person was not checked: ${reason}`, { cause });
    this.name = "UserNotVerified";
    this.reason = reason;
  }
}

/** Asks whether there is a fingerprint, face or PIN that a page may ask for. Never rejects. */
export async function canVerifyUser(): Promise<Ability> {
  if (/^[\d.]+$|^\[/.test(location.hostname)) return "unnamed";
  if (typeof PublicKeyCredential === "undefined") return "unable";
  try {
    const able = await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable();
    return able ? "able" : "unable";
  } catch {
    return "unable";
  }
}

/** How a person is checked. */
export interface VerifyUserOptions {
  /** Takes the browser's question away: the request is over. */
  signal?: AbortSignal;
  /** Forgets the credential that the platform no longer knows, and makes another. */
  anew?: boolean;
}

/**
 * Has the platform check its person for this request, and no other: what it signs is bound to the
 * request and is checked here. The first time makes the credential, which asks the person once
 * more. Call it from a click, then answer with `userVerification: true`. Rejects with a
 * UserNotVerified.
 *
 * The server sees only the device's word: what this proves, it proves to the device.
 */
export async function verifyUser(
  device: Device,
  prompt: Prompt,
  { signal, anew = false }: VerifyUserOptions = {},
): Promise<void> {
  const timeout = device.remaining(prompt) * 1000;
  try {
    const known = anew ? null : await device.loadCredential();
    const credential = known ?? (await makeCredential(device, { timeout, signal }));
    if (!known) await device.keepCredential(credential);
    const challenge = await sha256(prompt.signed);
    const answer = await navigator.credentials.get({
      signal,
      publicKey: {
        challenge: fromBase64url(challenge),
        rpId: credential.rpId,
        allowCredentials: [
          { type: "public-key", id: fromBase64url(credential.id), transports: ["internal"] },
        ],
        userVerification: "required",
        timeout,
      },
    });
    const { id, response } = answer as PublicKeyCredential;
    const { clientDataJSON, authenticatorData, signature } =
      response as AuthenticatorAssertionResponse;
    const signCount = await checkAssertion(
      { id, clientDataJSON, authenticatorData, signature },
      { credential, challenge, origin: location.origin },
    );
    if (signCount > 0) await device.keepCredential({ ...credential, signCount });
  } catch (error) {
    throw new UserNotVerified(reasonOf(error), error);
  }
}

async function makeCredential(
  { record }: Device,
  { timeout, signal }: { timeout: number; signal: AbortSignal | undefined },
): Promise<PlatformCredential> {
  const rpId = location.hostname;
  const made = await navigator.credentials.create({
    signal,
    publicKey: {
      challenge: crypto.getRandomValues(new Uint8Array(32)),
      rp: { id: rpId, name: "nod" },
      // The device's own name for itself: making it anew takes the place of the one before.
      user: { id: utf8(record.id), name: record.name, displayName: record.name },
      pubKeyCredParams: [ES256, RS256].map((alg) => ({ type: "public-key", alg })),
      authenticatorSelection: {
        authenticatorAttachment: "platform",
        residentKey: "discouraged",
        userVerification: "required",
      },
      attestation: "none",
      timeout,
    },
  });
  const { rawId, response } = made as PublicKeyCredential;
  const told = response as AuthenticatorAttestationResponse;
  const spki = told.getPublicKey();
  if (!spki) throw new DOMException("the browser tells no public key", "NotSupportedError");
  return {
    id: base64url(new Uint8Array(rawId)),
    rpId,
    publicKey: await importCredentialKey(spki, told.getPublicKeyAlgorithm()),
    signCount: 0,
  };
}

const never = ["SecurityError", "NotSupportedError", "ConstraintError", "TypeError", "DataError"];

function reasonOf(error: unknown): UserNotVerified["reason"] {
  if (error instanceof AssertionError) return "not_believed";
  return error instanceof Error && never.includes(error.name) ? "unable" : "not_done";
}
