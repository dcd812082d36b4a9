import { NodError } from "./errors.ts";
import type { Onboarding } from "./onboarding.ts";
import type { Watcher } from "./watcher.ts";

/**
 * A token that is still good for the integrator's exchange, of a verification that is approved.
 * Throws a NodError where none can be read, and where none is left.
 */
export async function readProof(
  watcher: Watcher | null,
  onboarding: Onboarding,
  verificationId: string,
): Promise<string> {
  const token = await watcher?.resultToken().catch(() => null);
  if (token) return token;
  // The secret ends some minutes after the verification; the user's token may ask later.
  const status = await onboarding.status({ verificationId });
  if (!status) throw gone();
  if (!status.result_token) throw redeemed();
  return status.result_token;
}

/** The server has forgotten the verification. */
export function gone(): NodError {
  return new NodError({
    code: "expired",
    title: "This has ended",
    detail: "It took too long and has ended. Ask for a new code.",
    status: 410,
  });
}

function redeemed(): NodError {
  return new NodError({
    code: "already_decided",
    title: "This is already finished",
    detail: "Another window has redeemed the proof. Go on there.",
    status: 409,
  });
}
