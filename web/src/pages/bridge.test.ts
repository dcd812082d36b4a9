// @vitest-environment jsdom
import { afterEach, expect, test, vi } from "vitest";
import { allOn, hear, readMessage } from "./bridge";

let stop = () => {};
afterEach(() => stop());

const post = (data: unknown, origin: string) =>
  window.dispatchEvent(new MessageEvent("message", { data, origin }));

test("only windows of this origin are heard", () => {
  const heard = vi.fn();
  stop = hear(heard);
  const message = { nod: "switch", slot: "1", switches: allOn };
  post(message, "https://elsewhere.example");
  expect(heard).not.toHaveBeenCalled();
  post(message, location.origin);
  expect(heard.mock.calls[0]?.[0]).toEqual(message);
});

test.each([
  null,
  "text",
  {},
  { nod: "unknown" },
  { nod: "began" },
  { nod: "event", verification_id: "a", event: { name: "x" } },
  { nod: "switch", slot: "1", switches: { online: "yes" } },
  { nod: "phone", slot: 1, switches: allOn },
])("%j is no message", (data) => expect(readMessage(data)).toBeNull());
