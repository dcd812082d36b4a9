import {
  type Delivery,
  type DeliveryState,
  isTerminal,
  type Result,
  type StatusBody,
  type VerificationEvent,
} from "./protocol.ts";

/** Takes a whole status body over what was known, unless it is older. */
export function replaceStatus(known: StatusBody | null, next: StatusBody): StatusBody {
  if (known && next.seq < known.seq) return known;
  // The secret is the watcher's to keep, not the state's to show.
  const { client_secret: _, ...rest } = next;
  return rest;
}

/**
 * Takes an event over what was known, unless it is older. The state of an event has neither the
 * history nor the number to type: the number is kept while it can still be true, and the
 * deliveries follow from the event itself.
 */
export function advanceStatus(
  known: StatusBody | null,
  event: VerificationEvent,
  seq: number,
): StatusBody | null {
  const { state } = event;
  if (!state || (known && seq <= known.seq)) return known;
  const promptOpen = !isTerminal(state.status) && Boolean(state.prompt_expires_at);
  return {
    ...state,
    seq,
    attempt_history: state.attempt_history ?? known?.attempt_history,
    deliveries: state.deliveries ?? advanceDeliveries(known?.deliveries ?? [], event),
    match_number: promptOpen ? (state.match_number ?? known?.match_number) : null,
  };
}

/** What a terminal status says about the end; null while it is pending. */
export function resultOf(status: StatusBody): Result | null {
  if (!isTerminal(status.status)) return null;
  const { verification_id, method, reason, result_token } = status;
  return { verification_id, status: status.status, method, reason, result_token };
}

// `delivery.accepted` says that the delivery it names is accepted now.
function advanceDeliveries(known: Delivery[], event: VerificationEvent): Delivery[] {
  const [room, state] = event.name.split(".");
  const { delivery_id: id, channel } = event;
  if (room !== "delivery" || typeof id !== "string" || typeof channel !== "string") return known;
  if (state === "fallback_started") return known;
  const before = known.find((delivery) => delivery.id === id);
  const after: Delivery = {
    ...before,
    id,
    channel: channel as Delivery["channel"],
    state: state as DeliveryState,
    class: typeof event.class === "string" ? event.class : before?.class,
    at: event.at,
  };
  if (!before) return [...known, after];
  return known.map((delivery) => (delivery.id === id ? after : delivery));
}
