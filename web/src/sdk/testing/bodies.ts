import type { StatusBody } from "../protocol.ts";

/** A pending sign-in as the server would tell it. */
export function pending(seq: number, more: Partial<StatusBody> = {}): StatusBody {
  const now = Date.now();
  return {
    verification_id: "ver_1",
    purpose: "login",
    status: "pending",
    stage: "prompted",
    match_number: "042",
    prompt_expires_at: new Date(now + 120_000).toISOString(),
    session_expires_at: new Date(now + 3_600_000).toISOString(),
    attempt_history: [{ at: new Date(now).toISOString(), kind: "create" }],
    seq,
    server_time: new Date(now).toISOString(),
    ...more,
  };
}
