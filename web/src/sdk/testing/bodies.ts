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

/** A number that is being proved, as the server would tell the page. */
export function proving(seq: number, more: Partial<StatusBody> = {}): StatusBody {
  const now = Date.now();
  return pending(seq, {
    purpose: "phone",
    stage: "code_entry",
    phone_number: "+1 ••• ••• 0123",
    match_number: undefined,
    prompt_expires_at: null,
    expires_at: new Date(now + 600_000).toISOString(),
    next_resend_at: new Date(now + 60_000).toISOString(),
    resend_count: 0,
    max_resends: 3,
    attempts_remaining: 3,
    code_length: 6,
    ...more,
  });
}
