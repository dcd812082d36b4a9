import type { Channel, Delivery, StatusBody } from "../sdk";
import type { PlainKey } from "./texts";

/** How far the newest message of one channel has come. */
export interface Reached {
  channel: Channel;
  /** Steps taken: 0 is on its way out, 1 sent, 2 delivered, 3 seen. */
  step: 0 | 1 | 2 | 3;
  /** Steps that this channel can tell: nobody learns whether a text message was read. */
  steps: 2 | 3;
  /** What went wrong instead; null while all is well. */
  lost: PlainKey | null;
}

/** Each channel that was used, in the order of its first use, with its newest message. */
export function reachedOf(status: StatusBody): Reached[] {
  const newest = new Map<Channel, Delivery>();
  for (const delivery of status.deliveries ?? []) newest.set(delivery.channel, delivery);
  return [...newest.values()].map(({ channel, state }) => ({
    channel,
    step: stepOf(state),
    steps: channel === "push" || channel === "websocket" ? 3 : 2,
    lost: lostOf(state),
  }));
}

function stepOf(state: Delivery["state"]): Reached["step"] {
  if (state === "accepted") return 1;
  if (state === "delivered") return 2;
  return state === "displayed" || state === "responded" ? 3 : 0;
}

function lostOf(state: Delivery["state"]): PlainKey | null {
  switch (state) {
    case "unknown":
      return "reach.unknown";
    case "undelivered":
    case "failed":
      return "reach.lost";
    case "suppressed":
      return "reach.held";
    case "canceled":
    case "expired":
      return "reach.unneeded";
    default:
      return null;
  }
}
