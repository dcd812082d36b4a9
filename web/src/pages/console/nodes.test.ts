import { expect, test } from "vitest";
import {
  type Figures,
  hear,
  type Provider,
  providerWords,
  socketWords,
  type Together,
  together,
} from "./nodes";

const twilio = (more: Partial<Provider> = {}): Provider => ({
  channel: "sms",
  provider: "twilio",
  state: "closed",
  sent: 10,
  failed: 1,
  latency_ms: 100,
  ...more,
});
const node = (name: string, more: Partial<Figures> = {}): Figures => ({
  node: name,
  sessions: { device: 2, console: 1 },
  providers: [twilio()],
  outbox: false,
  skipped: 0,
  ...more,
});
const heard = (...all: [Figures, number][]) =>
  together(all.reduce((nodes, [figures, at]) => hear(nodes, figures, at), {}));

test("before the first node is heard nothing is known", () => {
  expect(heard()).toBeNull();
});

test("nodes are summed up", () => {
  const all = heard([node("a"), 0], [node("b", { sessions: { device: 3, watcher: 1 } }), 500]);
  expect(all?.nodes).toBe(2);
  expect(all && socketWords(all)).toBe("5 phones, 1 page, 1 console");
});

test("a node counts once, with what it said last, until it is silent for five seconds", () => {
  const twice = heard([node("a"), 0], [node("a", { sessions: { device: 7 } }), 1000]);
  expect([twice?.nodes, twice?.sessions]).toEqual([1, { device: 7 }]);
  expect(heard([node("a"), 0], [node("b"), 4999])?.nodes).toBe(2);
  expect(heard([node("a"), 0], [node("b"), 5000])?.nodes).toBe(1);
});

test("a provider is as ill as the node where it is worst", () => {
  const open = node("b", { providers: [twilio({ state: "open", sent: 30, latency_ms: 300 })] });
  const trial = (name: string) => node(name, { providers: [twilio({ state: "half_open" })] });
  const nodes = (...all: Figures[]) =>
    heard(...all.map((one) => [one, 0] as [Figures, number]))?.providers[0]?.nodes;
  expect(nodes(node("a"), node("b"))).toBe(2);
  expect(nodes(node("a"), node("b"), trial("c"))).toBe(1);
  expect(nodes(trial("a"), node("b"), trial("c"))).toBe(2);
  const all = heard([node("a"), 0], [open, 0], [node("c"), 0]);
  expect(all?.providers).toEqual([
    {
      channel: "sms",
      provider: "twilio",
      state: "open",
      nodes: 1,
      sent: 50,
      failed: 3,
      latency_ms: 220,
    },
  ]);
});

test("the providers in words", () => {
  const words = (...providers: Provider[]) =>
    providerWords(together(hear({}, node("a", { providers }), 0)) as Together);
  expect(words().note).toBe("none is set up");
  const simulated = hear({}, node("a", { providers: [], outbox: true }), 0);
  expect(providerWords(together(simulated) as Together).note).toBe("messages are simulated");
  expect(words(twilio(), twilio({ channel: "voice" }))).toEqual({
    value: "2 of 2",
    note: "all take messages",
    bad: false,
  });
  expect(words(twilio({ state: "half_open" })).bad).toBe(false);
  expect(words(twilio({ state: "open" }), twilio({ provider: "fcm", channel: "push" }))).toEqual({
    value: "1 of 2",
    note: "twilio (SMS) is paused",
    bad: true,
  });
});
