import type { Delivery, VerificationEvent } from "../sdk";

/** How far one delivery has come, as the events told it. */
export interface Track {
  id: string;
  channel: string;
  /** Of a delivery to the app; empty for a number. */
  device: string;
  state: string;
  class: string;
}

/** What a status body knows, until the events have told it all. */
export function tracksOf(deliveries: Delivery[] | null | undefined): Track[] {
  return (deliveries ?? []).map((d) => ({
    id: d.id,
    channel: d.channel,
    device: "",
    state: d.state,
    class: d.class ?? "",
  }));
}

/** Takes in one event. Events that are about no delivery change nothing. */
export function advanceTracks(tracks: Track[], event: VerificationEvent): Track[] {
  const [room, state = ""] = event.name.split(".");
  const id = text(event.delivery_id);
  if (room !== "delivery" || !id) return tracks;
  const known = tracks.find((t) => t.id === id);
  const next: Track = {
    id,
    channel: text(event.channel) || (known?.channel ?? ""),
    device: text(event.device_id) || (known?.device ?? ""),
    state,
    class: text(event.class) || (known?.class ?? ""),
  };
  return known ? tracks.map((t) => (t.id === id ? next : t)) : [...tracks, next];
}

// From nowhere to an answer.
const order = [
  "suppressed",
  "canceled",
  "expired",
  "failed",
  "undelivered",
  "unknown",
  "queued",
  "leased",
  "retrying",
  "sending",
  "accepted",
  "delivered",
  "displayed",
  "responded",
];

/**
 * The delivery that speaks for a channel. Each phone's newest one counts, since
 * a new request has deliveries of its own; of several phones the furthest does.
 */
export function speaker(tracks: Track[], channel: string): Track | undefined {
  const newest = new Map<string, Track>();
  for (const track of tracks) {
    if (track.channel === channel) newest.set(track.device, track);
  }
  return [...newest.values()].reduce<Track | undefined>(
    (best, track) =>
      best && order.indexOf(best.state) >= order.indexOf(track.state) ? best : track,
    undefined,
  );
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
