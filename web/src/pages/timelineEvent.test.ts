import { expect, test } from "vitest";
import { timelineEvent } from "./timelineEvent";

test("what leaves for the stage holds no state and nothing unknown", () => {
  const event = timelineEvent(7, {
    name: "delivery.accepted",
    at: "2026-05-04T10:00:00.000Z",
    channel: "sms",
    result_token: "secret",
    state: { match_number: "042" } as never,
  });
  expect(event).toEqual({
    seq: 7,
    name: "delivery.accepted",
    at: "2026-05-04T10:00:00.000Z",
    channel: "sms",
  });
});
