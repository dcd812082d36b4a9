import { type Jwks, JwsError, verifyJws } from "./jws.ts";
import type { PromptContext, PromptFrame } from "./protocol.ts";

/** A request on a device: every field was signed by the server. */
export interface Prompt {
  verificationId: string;
  /** The way it came last. */
  deliveryId: string;
  purpose: string;
  context: PromptContext;
  bindingMessage: string | null;
  /** How many digits the person types to approve; 0 for none. */
  digits: number;
  requireUserVerification: boolean;
  /** Epoch milliseconds on the server's clock. */
  expiresAt: number;
  /** What an answer is bound to. */
  signed: string;
}

/** A request that must not be shown. */
export interface Refused {
  reason: JwsError["reason"] | "wrong_audience" | "wrong_issuer" | "expired" | "mismatch";
  verificationId: string | null;
}

/** Why a request was not believed. */
export class PromptError extends Error {
  readonly refused: Refused;

  constructor(refused: Refused, options?: ErrorOptions) {
    super(`this request is not shown: ${refused.reason}`, options);
    this.name = "PromptError";
    this.refused = refused;
  }
}

/** Whom a request must come from and be for. */
export interface PromptCheck {
  jwks: Jwks;
  issuer: string;
  deviceId: string;
  /** The server's time in epoch milliseconds. */
  now: number;
}

/**
 * Believes nothing of a frame but its `signed`: checks that the server signed it, for this device,
 * and that it still stands, and reads the request from there. Throws a PromptError.
 */
export async function readPrompt(
  frame: Pick<PromptFrame, "signed"> & Partial<PromptFrame>,
  check: PromptCheck,
): Promise<Prompt> {
  const verificationId = frame.verification_id ?? null;
  const refuse = (reason: Refused["reason"], cause?: unknown) =>
    new PromptError({ reason, verificationId }, { cause });
  let claims: Record<string, unknown>;
  try {
    claims = await verifyJws(frame.signed, "nod-prompt+jwt", check.jwks);
  } catch (error) {
    throw refuse(error instanceof JwsError ? error.reason : "malformed", error);
  }
  if (![claims.aud].flat().includes(check.deviceId)) throw refuse("wrong_audience");
  if (claims.iss !== check.issuer) throw refuse("wrong_issuer");
  const told = claims as unknown as PromptFrame & { exp?: number };
  const expiresAt = told.expires_at ? Date.parse(told.expires_at) : (told.exp ?? 0) * 1000;
  if (!(expiresAt > check.now)) throw refuse("expired");
  const same =
    typeof told.verification_id === "string" &&
    typeof told.delivery_id === "string" &&
    (frame.verification_id ?? told.verification_id) === told.verification_id &&
    (frame.delivery_id ?? told.delivery_id) === told.delivery_id;
  if (!same) throw refuse("mismatch");
  return {
    verificationId: told.verification_id,
    deliveryId: told.delivery_id,
    purpose: told.purpose,
    context: told.context ?? {},
    bindingMessage: told.binding_message || null,
    digits: told.match?.digits ?? 0,
    requireUserVerification: told.require_user_verification ?? false,
    expiresAt,
    signed: frame.signed,
  };
}
