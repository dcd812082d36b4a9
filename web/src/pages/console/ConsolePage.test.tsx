// @vitest-environment jsdom
import { cleanup, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test } from "vitest";
import { expectAccessible } from "../../component/testkit";
import { type Peer, problem, type TestServer } from "../../sdk/testing/server";
import { asked, untilAsked } from "../testing/bank";
import { closeNetwork, openNetwork } from "../testing/network";
import { ConsolePage } from "./ConsolePage";
import type { Earlier } from "./model";

const id = (n: number) => `ver_${String(n).padStart(32, "0")}`;
const at = (seconds: number) => new Date(Date.UTC(2026, 4, 4, 10, 0, seconds)).toISOString();

const earlier = (n: number, more: Partial<Earlier> = {}): Earlier => ({
  verification_id: id(n),
  seq: 4,
  purpose: "login",
  status: "approved",
  method: "app",
  phone_number: "+1 ••• 23",
  code_sent: false,
  created_at: at(n * 10),
  ended_at: at(n * 10 + 2),
  ...more,
});

let server: TestServer;

beforeEach(async () => {
  server = await openNetwork();
  server.on("POST /api/v1/console-sessions", ({ headers }) =>
    headers.authorization === "Bearer nod_sk_good"
      ? { status: 201, body: { token: "session-1" } }
      : problem(401, "unauthenticated", { detail: "Check the key." }),
  );
  server.on("GET /api/v1/outbox", ({ path }) => {
    const messages = [
      {
        id: "m1",
        channel: "sms",
        to: "+14155550123",
        text: "Code 123456",
        verification_id: id(2),
        at: at(3),
      },
    ];
    if (path.includes("wait=")) return new Promise(() => {});
    return { body: { messages, next: "m1" } };
  });
  server.on("GET /api/v1/webhooks", () => ({
    body: { on: false, counts: {}, messages: [], server_time: at(0) },
  }));
  for (const n of [1, 2, 3]) {
    server.on(`GET /api/v1/verifications/${id(n)}/timeline`, () => ({
      body: { events: [{ seq: 1, name: "verification.created", at: at(n) }] },
    }));
  }
});
afterEach(async () => {
  cleanup();
  await closeNetwork(server);
});

/** A console that was opened on a server which simulates messages, or does not. */
async function openOn(outbox: boolean, rows: Earlier[] = []): Promise<Peer> {
  sessionStorage.setItem("nod.console.session", "session-1");
  render(<ConsolePage />);
  const peer = await server.welcome("console");
  peer.send("recent", { verifications: rows });
  peer.send("figures", { node: "a", sessions: {}, outbox, skipped: 0 });
  await screen.findByText("Live");
  return peer;
}

const open = (...rows: Earlier[]) => openOn(true, rows);
const list = () => screen.findByRole("region", { name: "Verifications" });
const rows = async () => within(await list()).findAllByRole("button");
const words = async () => (await rows()).map((row) => row.textContent);
const figure = (name: string) => {
  const value = screen.getByText(name).parentElement?.querySelector(".figure-value");
  return value?.textContent;
};

test("a key opens the console, and is kept nowhere", async () => {
  render(<ConsolePage />);
  await expectAccessible();
  await userEvent.type(screen.getByLabelText("API key"), "nod_sk_bad{Enter}");
  expect(await screen.findByText(/not one of this server's.*nod key/)).toBeTruthy();
  await userEvent.clear(screen.getByLabelText("API key"));
  await userEvent.type(screen.getByLabelText("API key"), "nod_sk_good{Enter}");
  const peer = await server.welcome("console");
  expect(peer.auth).toEqual({ token: "session-1" });
  expect(JSON.stringify({ ...sessionStorage, ...localStorage })).not.toContain("nod_sk");
});

test("what was before is there at once, and counts where nothing else does", async () => {
  const peer = await open(
    earlier(3, { status: "pending", stage: "code_entry", method: "", ended_at: undefined }),
    earlier(2, { code_sent: true }),
    earlier(1, { status: "denied", reason: "wrong_number", method: "" }),
  );
  expect(await words()).toEqual([
    expect.stringContaining("A code can be typed"),
    expect.stringContaining("Approved on the phone"),
    expect.stringContaining("Refused: the wrong number was typed"),
  ]);
  const queue = { due: 0, oldest_seconds: 0, webhooks: 0, webhooks_oldest_seconds: 0 };
  peer.send("pulse", { server_time: at(40), enabled: false, queue });
  await screen.findByText("Open now");
  expect(["Success", "Not approved", "Median time", "Without SMS"].map(figure)).toEqual([
    "50 %",
    "1",
    "2 s",
    "0 %",
  ]);
  expect(figure("Open now")).toBe("1");
  expect(screen.getAllByText("of the last 3 in the list")).toHaveLength(3);
  expect(screen.getByText("Analytics is switched off")).toBeTruthy();
  await expectAccessible();
});

test("what happens comes to the top, and a repeated list takes nothing back", async () => {
  const peer = await open(
    earlier(2, { status: "pending", ended_at: undefined, seq: 2 }),
    earlier(1),
  );
  const line = { verification_id: id(2), seq: 5, at: at(40), status: "approved", method: "app" };
  peer.send("event", { ...line, name: "verification.approved" });
  expect(await within(await list()).findAllByText("approved")).toHaveLength(2);
  peer.send("recent", { verifications: [earlier(2, { status: "pending", seq: 2 }), earlier(1)] });
  peer.send("figures", {
    node: "a",
    sessions: { device: 3, console: 1 },
    outbox: true,
    skipped: 7,
  });
  expect(await screen.findByText(/7 more events/)).toBeTruthy();
  expect(figure("Open sockets")).toBe("4");
  expect(within(await list()).getAllByText("approved")).toHaveLength(2);
});

test("the keyboard moves and chooses", async () => {
  await open(earlier(3), earlier(2), earlier(1));
  const [first, second, third] = await rows();
  first?.focus();
  await userEvent.keyboard("{ArrowDown}");
  expect(document.activeElement).toBe(second);
  await userEvent.keyboard("j");
  expect(document.activeElement).toBe(third);
  await userEvent.keyboard("k");
  expect(document.activeElement).toBe(second);
  await userEvent.keyboard("{Enter}");
  expect(second?.getAttribute("aria-pressed")).toBe("true");
  expect(await screen.findByRole("list", { name: "Timeline of the verification" })).toBeTruthy();
  await userEvent.keyboard("t");
  expect(document.activeElement).toBe(screen.getByRole("heading", { name: "Timeline" }));
  await userEvent.keyboard("j");
  expect(document.activeElement).toBe(third);
});

test("a message of the outbox leads to its timeline", async () => {
  await open();
  expect(await screen.findByText("Code 123456")).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: "Show its timeline" }));
  await untilAsked(server, `GET /api/v1/verifications/${id(2)}/timeline`);
});

test("where nothing is simulated there is no outbox, and none is asked for", async () => {
  await openOn(false);
  await list();
  expect(screen.queryByText("Outbox")).toBeNull();
  await untilAsked(server, "GET /api/v1/webhooks");
  expect(asked(server, "GET /api/v1/outbox")).toEqual([]);
  await expectAccessible();
});

test("a session that has ended asks for the key again", async () => {
  const peer = await open();
  peer.close(4401);
  expect(await screen.findByText("Your session has ended")).toBeTruthy();
  expect(sessionStorage.getItem("nod.console.session")).toBeNull();
});

test("signing out leaves nothing behind", async () => {
  await open();
  await userEvent.click(screen.getByRole("button", { name: "Sign out" }));
  expect(screen.getByRole("heading", { name: "Open the console" })).toBeTruthy();
  expect(sessionStorage).toHaveLength(0);
});
