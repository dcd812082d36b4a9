import { expect, test } from "vitest";
import type { VerificationEvent } from "../sdk";
import { advanceTracks, speaker, type Track, tracksOf } from "./tracks";

const event = (name: string, more: object = {}): VerificationEvent => ({ name, at: "", ...more });

const follow = (...events: VerificationEvent[]) => events.reduce(advanceTracks, [] as Track[]);

test("a delivery is followed by its id, whatever an event leaves out", () => {
  const tracks = follow(
    event("delivery.queued", { delivery_id: "a", channel: "push", device_id: "d1" }),
    event("delivery.failed", { delivery_id: "a", class: "permanent_target" }),
  );
  expect(tracks).toEqual([
    { id: "a", channel: "push", device: "d1", state: "failed", class: "permanent_target" },
  ]);
});

test("events about no delivery change nothing", () => {
  const tracks: Track[] = [];
  expect(advanceTracks(tracks, event("verification.created"))).toBe(tracks);
  expect(advanceTracks(tracks, event("delivery.fallback_started", { channel: "sms" }))).toBe(
    tracks,
  );
});

test("of several phones the furthest speaks, whichever came last", () => {
  const tracks = follow(
    event("delivery.displayed", { delivery_id: "a", channel: "websocket", device_id: "d1" }),
    event("delivery.undelivered", { delivery_id: "b", channel: "websocket", device_id: "d2" }),
  );
  expect(speaker(tracks, "websocket")?.id).toBe("a");
  expect(speaker(tracks, "push")).toBeUndefined();
});

test("a new request speaks for its phone in place of the old one", () => {
  const tracks = follow(
    event("delivery.displayed", { delivery_id: "a", channel: "websocket", device_id: "d1" }),
    event("delivery.queued", { delivery_id: "b", channel: "websocket", device_id: "d1" }),
  );
  expect(speaker(tracks, "websocket")?.id).toBe("b");
});

test("a status body serves until the events have come", () => {
  expect(tracksOf(null)).toEqual([]);
  expect(tracksOf([{ id: "a", channel: "sms", state: "accepted", at: "" }])).toEqual([
    { id: "a", channel: "sms", device: "", state: "accepted", class: "" },
  ]);
});
