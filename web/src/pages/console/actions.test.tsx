// @vitest-environment jsdom
import { cleanup, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { expectAccessible, openDialogs } from "../../component/testkit";
import type { TimelineEvent } from "../../component/timeline";
import { type Peer, problem, type TestServer } from "../../sdk/testing/server";
import { asked, untilAsked } from "../testing/bank";
import { closeNetwork, openNetwork } from "../testing/network";
import type { OperatorAct } from "./acts";
import { ConsolePage } from "./ConsolePage";
import type { Earlier } from "./model";

const id = (n: number) => `ver_${String(n).padStart(32, "0")}`;
const at = (seconds: number) => new Date(Date.UTC(2026, 4, 4, 10, 0, seconds)).toISOString();
const number = "+1 415 555 0123";

const open = (n: number, more: Partial<Earlier> = {}): Earlier => ({
  verification_id: id(n),
  seq: 2,
  purpose: "login",
  status: "pending",
  stage: "prompted",
  phone_number: "+1 ••• 23",
  code_sent: false,
  created_at: at(n),
  ...more,
});

let server: TestServer;
let events: TimelineEvent[];
let acts: OperatorAct[];
let found: Earlier[];

beforeEach(async () => {
  openDialogs();
  server = await openNetwork();
  events = [
    { seq: 1, name: "verification.created", at: at(0), country: "US", locale: "de" },
    { seq: 2, name: "delivery.accepted", at: at(1), channel: "sms", provider: "twilio" },
  ];
  acts = [];
  found = [];
  server.on("GET /api/v1/webhooks", () => ({
    body: { on: false, counts: {}, messages: [], server_time: at(0) },
  }));
  server.on("GET /api/v1/operator-acts", () => ({ body: { acts } }));
  server.on("POST /api/v1/search", () => ({ body: { verifications: found } }));
  for (const n of [1, 2, 3]) {
    server.on(`GET /api/v1/verifications/${id(n)}/timeline`, () => ({ body: { events } }));
  }
  sessionStorage.setItem("nod.console.session", "session-1");
});
afterEach(async () => {
  cleanup();
  await closeNetwork(server);
});

async function openConsole(...rows: Earlier[]): Promise<Peer> {
  render(<ConsolePage />);
  const peer = await server.welcome("console");
  peer.send("recent", { verifications: rows });
  await screen.findByText("Live");
  return peer;
}

const field = () => screen.getByRole("combobox", { name: /^Find verifications/ });
const trail = () => within(screen.getByRole("region", { name: "Timeline" }));
const steps = () =>
  trail()
    .getAllByRole("listitem")
    .map((line) => line.textContent);

/** The console with one verification open. */
async function openOne(more: Partial<Earlier> = {}): Promise<Peer> {
  const peer = await openConsole(open(1, more));
  const list = within(await screen.findByRole("region", { name: "Verifications" }));
  await userEvent.click(await list.findByRole("button"));
  await screen.findByRole("list", { name: "Timeline of the verification" });
  return peer;
}

describe("search", () => {
  test("by a number, moved through and chosen by keys; the number is kept nowhere", async () => {
    found = [open(3), open(2), open(1)];
    await openConsole();
    const address = location.href;
    await userEvent.keyboard("/");
    expect(document.activeElement).toBe(field());
    await userEvent.keyboard(`${number}{Enter}`);
    const options = await screen.findAllByRole("option");
    expect(options).toHaveLength(3);
    expect(screen.getByText("3 found, newest first")).toBeTruthy();
    await expectAccessible();
    expect(asked(server, "POST /api/v1/search")[0]?.body).toEqual({ query: number });

    await userEvent.keyboard("{ArrowDown}{ArrowDown}{ArrowUp}");
    expect(options.map((option) => option.getAttribute("aria-selected"))).toEqual([
      "false",
      "true",
      "false",
    ]);
    expect(field().getAttribute("aria-activedescendant")).toBe(options[1]?.id);
    await userEvent.keyboard("{Enter}");
    await untilAsked(server, `GET /api/v1/verifications/${id(2)}/timeline`);
    expect(screen.queryByRole("option")).toBeNull();
    expect(location.href).toBe(address);
    expect(JSON.stringify({ ...sessionStorage, ...localStorage })).not.toContain("555");
    expect(server.requests.some(({ path }) => path.includes("555"))).toBe(false);
  });

  test("by an id opens it at once, with what a list would know of it", async () => {
    found = [open(2, { phone_number: "+49 ••• 77" })];
    await openConsole(open(1));
    await userEvent.type(field(), `see ${id(2).toUpperCase()}{Enter}`);
    expect(await screen.findByText("+49 ••• 77")).toBeTruthy();
    expect(asked(server, "POST /api/v1/search")[0]?.body).toEqual({ query: id(2) });
  });

  test("that finds nothing, or is for neither, says what can be searched", async () => {
    await openConsole();
    await userEvent.type(field(), `${number}{Enter}`);
    expect(await screen.findByText("Nothing was found")).toBeTruthy();
    expect(screen.getByText(/whole phone number with its country code/)).toBeTruthy();
    server.on("POST /api/v1/search", () => problem(422, "invalid_request"));
    await userEvent.clear(field());
    expect(screen.queryByText("Nothing was found")).toBeNull();
    await userEvent.type(field(), "Ada{Enter}");
    expect(await screen.findByText("That is neither an id nor a number")).toBeTruthy();
    await userEvent.keyboard("{Escape}");
    expect(screen.queryByText("That is neither an id nor a number")).toBeNull();
  });

  test("that is refused says why", async () => {
    server.on("POST /api/v1/search", () => problem(503, "unavailable", { detail: "Try shortly." }));
    await openConsole();
    await userEvent.type(field(), `${number}{Enter}`);
    expect(await screen.findByText("Try shortly.")).toBeTruthy();
  });
});

describe("a timeline", () => {
  test("begins with the facts", async () => {
    await openOne();
    const facts = [
      ...screen.getByRole("region", { name: "Timeline" }).querySelectorAll("dl > div"),
    ];
    expect(facts.map((fact) => fact.textContent)).toEqual([
      "WhatSign-in",
      "Number+1 ••• 23",
      "CountryUnited States",
      "LanguageGerman",
      expect.stringMatching(/^Started\d+ May, /),
      "Messages1 SMS (twilio)",
    ]);
    await expectAccessible();
  });

  test("grows while it happens, also past what the console is told", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true });
    const user = userEvent.setup({ advanceTimers: (ms) => vi.advanceTimersByTime(ms) });
    const peer = await openConsole(open(1));
    const list = within(await screen.findByRole("region", { name: "Verifications" }));
    await user.click(await list.findByRole("button"));
    await screen.findByText("The provider took an SMS");
    events.push({ seq: 3, name: "delivery.delivered", at: at(2), channel: "sms" });
    peer.send("event", { ...events[2], verification_id: id(1), status: "pending" });
    expect(await trail().findByText("Delivered an SMS")).toBeTruthy();
    events.push({ seq: 4, name: "verification.approved", at: at(9), method: "sms_code" });
    await vi.advanceTimersByTimeAsync(5000);
    expect(await trail().findByText("Approved with the SMS code")).toBeTruthy();
    expect(trail().getByText("approved")).toBeTruthy();
    expect(trail().queryByRole("button", { name: "Cancel it" })).toBeNull();
    vi.useRealTimers();
  });

  test("of a verification that is gone says so", async () => {
    await openConsole(open(9));
    const list = within(await screen.findByRole("region", { name: "Verifications" }));
    await userEvent.click(await list.findByRole("button"));
    expect(await trail().findByText("This is no longer here")).toBeTruthy();
  });
});

describe("an operator", () => {
  const dialog = () => screen.findByRole("dialog");

  test.each([
    ["cancel", "Cancel it", "Cancel this sign-in?", "Cancel it now", /is canceled/],
    ["block", "Block person", "Block this person?", "Block them", /is blocked/],
    ["unlock", "Unlock person", "Unlock this person?", "Unlock them", /is unlocked/],
  ])("can %s, is asked first, and hears what came of it", async (act, name, title, go, said) => {
    await openOne();
    server.on(`POST /api/v1/verifications/${id(1)}/${act}`, ({ headers }) => {
      expect(headers.authorization).toBe("Bearer session-1");
      const acted = { action: act, by: "console 3fa9c1d2", at: at(5) };
      events.push({ seq: 3, name: "operator.acted", ...acted });
      acts.unshift({ ...acted, verification_id: id(1) });
      return { status: 204 };
    });
    const before = asked(server, "GET /api/v1/operator-acts").length;
    await userEvent.click(trail().getByRole("button", { name }));
    const asking = within(await dialog());
    expect(asking.getByRole("heading", { name: title })).toBeTruthy();
    expect(asking.getByText(/the person behind \+1 ••• 23/)).toBeTruthy();
    await expectAccessible();
    await userEvent.click(asking.getByRole("button", { name: go }));

    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(trail().getByText(said)).toBeTruthy();
    const mine = () => steps().filter((step) => step?.includes("console 3fa9c1d2"));
    await waitFor(() => expect(mine()).toHaveLength(1));
    await untilAsked(server, "GET /api/v1/operator-acts", before + 1);
    const list = await screen.findByRole("list", { name: "What operators did" });
    expect(within(list).getByText("console 3fa9c1d2")).toBeTruthy();
    expect(mine()).toHaveLength(1);
  });

  test("lifts the lock of a person who is locked, under its own name", async () => {
    events.push({ seq: 3, name: "verification.locked", at: at(2) });
    await openOne({ stage: "locked" });
    server.on(`POST /api/v1/verifications/${id(1)}/unlock`, () => {
      events.push({ seq: 4, name: "operator.acted", action: "unlock", at: at(5) });
      return { status: 204 };
    });
    expect(trail().getByText(/code entry is paused until somebody unlocks/)).toBeTruthy();
    await userEvent.click(trail().getByRole("button", { name: "Lift the lock" }));
    await userEvent.click(within(await dialog()).getByRole("button", { name: "Lift it" }));
    expect(await trail().findByText(/^The lock is lifted/)).toBeTruthy();
    expect(await trail().findByRole("button", { name: "Unlock person" })).toBeTruthy();
  });

  test("who thinks again changes nothing", async () => {
    await openOne();
    await userEvent.click(trail().getByRole("button", { name: "Block person" }));
    await userEvent.click(within(await dialog()).getByRole("button", { name: "Do not block" }));
    expect(screen.queryByRole("dialog")).toBeNull();
    expect(server.requests.filter(({ path }) => path.endsWith("/block"))).toEqual([]);
  });

  test.each<[number, string, object, RegExp]>([
    [409, "already_decided", {}, /Nothing was changed/],
    [404, "not_found", {}, /erased meanwhile/],
    [
      429,
      "rate_limited",
      { detail: "Slow down.", retry_after: 12 },
      /Slow down\. Try again in 12 s/,
    ],
    [503, "unavailable", { detail: "Nothing was lost." }, /Nothing was lost/],
  ])("who is refused with %i reads what to do", async (status, code, more, words) => {
    await openOne();
    server.on(`POST /api/v1/verifications/${id(1)}/cancel`, () => problem(status, code, more));
    await userEvent.click(trail().getByRole("button", { name: "Cancel it" }));
    const asking = within(await dialog());
    await userEvent.click(asking.getByRole("button", { name: "Cancel it now" }));
    expect((await asking.findByRole("alert")).textContent).toMatch(words);
    await userEvent.click(asking.getByRole("button", { name: "Let it go on" }));
    await userEvent.click(trail().getByRole("button", { name: "Block person" }));
    expect(within(await dialog()).queryByRole("alert")).toBeNull();
  });

  test("whose session has ended gives the key again", async () => {
    await openOne();
    server.on(`POST /api/v1/verifications/${id(1)}/block`, () => problem(401, "unauthenticated"));
    await userEvent.click(trail().getByRole("button", { name: "Block person" }));
    await userEvent.click(within(await dialog()).getByRole("button", { name: "Block them" }));
    expect(await screen.findByText("Your session has ended")).toBeTruthy();
    expect(sessionStorage).toHaveLength(0);
  });

  test("hears of what another operator did", async () => {
    const peer = await openConsole();
    expect(await screen.findByText(/Whatever an operator does stands here/)).toBeTruthy();
    acts = [
      { at: at(2), action: "unlock", by: "console 77777777", verification_id: id(2) },
      { at: at(1), action: "enable_webhooks", by: "key 3fa9c1d2" },
      { at: at(0), action: "block", by: "key 3fa9c1d2", detail: "country LV" },
    ];
    peer.send("event", { name: "operator.acted", at: at(2), action: "unlock" });
    const list = within(await screen.findByRole("list", { name: "What operators did" }));
    expect(list.getAllByRole("listitem")).toHaveLength(3);
    expect(list.getByText(/^Blocked country\sLV$/)).toBeTruthy();
    expect(list.getByText("Enabled webhooks")).toBeTruthy();
    await userEvent.click(list.getByRole("button", { name: "Unlocked a person" }));
    await untilAsked(server, `GET /api/v1/verifications/${id(2)}/timeline`);
  });
});

describe("the keys", () => {
  test("are listed, and can be turned off", async () => {
    await openConsole();
    await userEvent.keyboard("?");
    const sheet = within(await screen.findByRole("dialog", { name: "Keys" }));
    expect(sheet.getByText("Next verification in the list")).toBeTruthy();
    await expectAccessible();
    await userEvent.click(sheet.getByRole("switch", { name: "Single keys" }));
    await userEvent.click(sheet.getByRole("button", { name: "Close" }));
    await userEvent.keyboard("/");
    expect(document.activeElement).not.toBe(field());
    await userEvent.click(screen.getByRole("button", { name: "Keys" }));
    await userEvent.click(screen.getByRole("switch", { name: "Single keys" }));
    await userEvent.click(screen.getByRole("button", { name: "Close" }));
    await userEvent.keyboard("/");
    expect(document.activeElement).toBe(field());
  });

  test("are letters while somebody types, and do nothing under a dialog", async () => {
    await openOne();
    await userEvent.type(field(), "j?/");
    expect(field()).toHaveProperty("value", "j?/");
    await userEvent.click(trail().getByRole("button", { name: "Block person" }));
    await userEvent.keyboard("?");
    expect(screen.queryByRole("dialog", { name: "Keys" })).toBeNull();
  });
});
