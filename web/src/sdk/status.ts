import { isTerminal, type Result, type StatusBody } from "./protocol.ts";

/** Takes a whole status body over what was known, unless it is older. */
export function replaceStatus(known: StatusBody | null, next: StatusBody): StatusBody {
  if (known && next.seq < known.seq) return known;
  // The secret is the watcher's to keep, not the state's to show.
  const { client_secret: _, ...rest } = next;
  return rest;
}

/**
 * Takes the state of an event over what was known, unless it is older. Such a state has neither
 * the history nor the number to type, so both are kept as long as they can still be true.
 */
export function advanceStatus(
  known: StatusBody | null,
  state: StatusBody,
  seq: number,
): StatusBody {
  if (known && seq < known.seq) return known;
  const promptOpen = !isTerminal(state.status) && Boolean(state.prompt_expires_at);
  return {
    ...state,
    seq,
    attempt_history: state.attempt_history ?? known?.attempt_history,
    deliveries: state.deliveries ?? known?.deliveries,
    match_number: promptOpen ? (state.match_number ?? known?.match_number) : null,
  };
}

/** What a terminal status says about the end; null while it is pending. */
export function resultOf(status: StatusBody): Result | null {
  if (!isTerminal(status.status)) return null;
  const { verification_id, method, reason, result_token } = status;
  return { verification_id, status: status.status, method, reason, result_token };
}
