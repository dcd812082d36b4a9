// @vitest-environment jsdom
import { cleanup, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test } from "vitest";
import { expectAccessible } from "../../component/testkit";
import type { StatusBody } from "../../sdk";
import { pending } from "../../sdk/testing/bodies";
import { type Peer, problem, type TestServer } from "../../sdk/testing/server";
import { ada, asked, openBank, untilAsked } from "../testing/bank";
import { closeNetwork, openNetwork } from "../testing/network";
import { LoginPage } from "./LoginPage";

let server: TestServer;

beforeEach(async () => {
  server = await openNetwork();
  openBank(server);
  server.on("POST /demo/sign-ins", () => ({
    status: 201,
    body: pending(1, { client_secret: "secret-1" }),
  }));
});
afterEach(async () => {
  cleanup();
  await closeNetwork(server);
});

const press = async (name: string | RegExp) =>
  await userEvent.click(await screen.findByRole("button", { name }));
const heading = (name: string) => screen.findByRole("heading", { name });

/** A sign-in that is followed live. */
async function started(): Promise<Peer> {
  render(<LoginPage />);
  await press("Continue as Ada");
  const peer = await server.welcome("watcher", true);
  tell(peer, 1, "verification.created", {});
  return peer;
}

const tell = (
  peer: Peer,
  seq: number,
  name: string,
  state: Partial<StatusBody>,
  more: object = {},
) =>
  peer.send(
    "event",
    { name, at: new Date().toISOString(), state: pending(seq, state), ...more },
    { seq },
  );

function end(peer: Peer, status: StatusBody["status"], more: Partial<StatusBody> = {}): void {
  tell(peer, 2, `verification.${status}`, { status, prompt_expires_at: null, ...more });
  const result = { verification_id: "ver_1", status, result_token: "token-1", ...more };
  peer.send("result", result, { seq: 2 });
}

test("a sign-in shows its number at once and ends as a welcome that the bank gave", async () => {
  server.on("POST /demo/sign-ins/ver_1/finish", ({ body }) => ({
    body: {
      user: "demo_ada",
      name: "Ada Moreno",
      method: "app",
      at: "2026-05-04T10:00:00Z",
      ...body,
    },
  }));
  const peer = await started();
  expect(peer.auth).toMatchObject({ client_secret: "secret-1", last_seq: 0 });
  expect((await screen.findByLabelText(/^Number to type/)).textContent).toBe("042");
  await expectAccessible();
  end(peer, "approved", { method: "app" });
  await heading("Welcome, Ada");
  const finish = asked(server, "POST /demo/sign-ins/ver_1/finish");
  expect(finish.map(({ body }) => body)).toEqual([{ result_token: "token-1", remember: false }]);
  expect(JSON.stringify(sessionStorage)).not.toContain("secret-1");
  await expectAccessible();
  await press("Sign out");
  await heading("Sign in");
});

test("a browser that is to be remembered is let in at once, until it is to be forgotten", async () => {
  const welcome = (method: string) => ({
    body: { ...ada, method, at: "2026-05-04T10:00:00Z", remembered: true },
  });
  server.on("POST /demo/sign-ins/ver_1/finish", () => welcome("app"));
  server.on("POST /demo/forget", () => ({ body: {} }));
  render(<LoginPage />);
  await userEvent.click(await screen.findByRole("checkbox", { name: /^Remember this browser/ }));
  await press("Continue as Ada");
  const peer = await server.welcome("watcher", true);
  tell(peer, 1, "verification.created", {});
  end(peer, "approved", { method: "app" });
  await heading("Welcome, Ada");
  const [finish] = asked(server, "POST /demo/sign-ins/ver_1/finish");
  expect(finish?.body).toMatchObject({ remember: true });

  await press("Sign out");
  expect(await screen.findByText("This browser is remembered")).toBeTruthy();
  const approved = {
    status: "approved",
    method: "trusted_device",
    result_token: "token-2",
  } as const;
  server.on("POST /demo/sign-ins", () => ({
    status: 201,
    body: pending(3, { ...approved, client_secret: "secret-2", prompt_expires_at: null }),
  }));
  server.on("POST /demo/sign-ins/ver_1/finish", () => welcome("trusted_device"));
  await press("Continue as Ada");
  expect(await screen.findByText(/Recognised from before/)).toBeTruthy();
  // What has ended already is still followed for its events, which the stage shows.
  expect((await server.peer()).auth).toEqual({ client_secret: "secret-2", last_seq: 0 });
  await expectAccessible();
  await press("Forget it");
  await waitFor(() => expect(screen.queryByText("This browser is remembered")).toBeNull());
  await press("Sign out");
  expect(await screen.findByRole("checkbox", { name: /^Remember this browser/ })).toBeTruthy();
});

test("each step of the ladder is drawn and spoken", async () => {
  const peer = await started();
  const sms = { channel: "sms", delivery_id: "dlv_2" };
  tell(peer, 2, "delivery.queued", {}, sms);
  tell(peer, 3, "delivery.accepted", { stage: "code_entry", code_length: 6 }, sms);
  await heading("Enter your code");
  const rail = screen.getByRole("list", { name: "Ways to reach you" });
  await waitFor(() => expect(rail.textContent).toContain("Your code is on its way"));
  await expectAccessible();
});

test("a reload goes on with the same sign-in and asks for nothing again", async () => {
  await started();
  cleanup();
  render(<LoginPage />);
  const peer = await server.welcome("watcher", true);
  expect(peer.auth.client_secret).toBe("secret-1");
  peer.send("snapshot", pending(1));
  expect((await screen.findByLabelText(/^Number to type/)).textContent).toBe("042");
  expect(asked(server, "POST /demo/sign-ins")).toHaveLength(1);
});

test("a reload of a sign-in that nobody may follow any more starts over, with a reason", async () => {
  await started();
  cleanup();
  render(<LoginPage />);
  (await server.peer()).close(4401);
  expect(await screen.findByText("That sign-in is over")).toBeTruthy();
  await heading("Sign in");
});

test("the full code is sent by itself; a wrong one is said and costs a try", async () => {
  const peer = await started();
  const code = { stage: "code_entry" as const, code_length: 6, attempts_remaining: 3 };
  tell(peer, 2, "code.issued", code);
  const field = await screen.findByRole("textbox", { name: "6-digit code" });
  server.on("POST /api/v1/verifications/ver_1/check", ({ body }) => ({
    body: { ...pending(3, { ...code, attempts_remaining: 2 }), ok: body.code === "654321" },
  }));
  await userEvent.type(field, "111111");
  expect(
    await screen.findByText("That code is not right. Check the newest message and try again."),
  ).toBeTruthy();
  expect(screen.getByText(/2 tries left/)).toBeTruthy();
  expect(asked(server, "POST /api/v1/verifications/ver_1/check")).toHaveLength(1);
});

test("a code is asked for early as the next step, and again as a resend", async () => {
  const peer = await started();
  server.on("POST /api/v1/verifications/ver_1/next", () => ({ body: pending(3) }));
  server.on("POST /api/v1/verifications/ver_1/resend", () => ({ body: pending(6) }));
  tell(peer, 2, "delivery.displayed", { next_actions: { sms_in: 0 } });
  await press("Text me a code");
  await untilAsked(server, "POST /api/v1/verifications/ver_1/next");
  const sms = { channel: "sms", delivery_id: "dlv_2" };
  tell(peer, 4, "delivery.queued", {}, sms);
  tell(peer, 3, "verification.stage_changed", {});
  tell(peer, 5, "delivery.accepted", { stage: "code_entry", next_actions: { sms_in: 0 } }, sms);
  await press("Resend Code (0/3)");
  const { body } = await untilAsked(server, "POST /api/v1/verifications/ver_1/resend");
  expect(body).toEqual({ channel: "sms" });
});

test("canceling ends it, and what a refusal says is shown", async () => {
  await started();
  server.on("POST /api/v1/verifications/ver_1/cancel", () => problem(503, "unavailable"));
  await press("Cancel");
  expect(await screen.findByText("Busy for a moment")).toBeTruthy();
  server.on("POST /api/v1/verifications/ver_1/cancel", () => ({
    body: pending(2, { status: "canceled" }),
  }));
  await press("Cancel");
  await heading("Sign-in canceled");
  await press("Not now");
  await heading("Sign in");
});

test.each([
  ["denied", "user_denied", "You said no"],
  ["denied", "wrong_number", "That number did not match"],
  ["expired", null, "Time ran out"],
  ["superseded", null, "A newer sign-in took over"],
] as const)("%s (%s) reads: %s", async (status, reason, title) => {
  const peer = await started();
  end(peer, status, { reason });
  await heading(title);
  await expectAccessible();
});

test("an approval that the bank could not check yet is finished with one press", async () => {
  server.on("POST /demo/sign-ins/ver_1/finish", () => problem(503, "unavailable"));
  const peer = await started();
  end(peer, "approved", { method: "app" });
  await screen.findByText("Your answer is safe with us.");
  server.on("POST /demo/sign-ins/ver_1/finish", () => ({
    body: { user: "demo_ada", name: "Ada Moreno", method: "app", at: "2026-05-04T10:00:00Z" },
  }));
  await press("Finish signing in");
  await heading("Welcome, Ada");
});

test("without a server the page says so and can be tried again", async () => {
  server.on("POST /demo/people", () => problem(503, "unavailable"));
  render(<LoginPage />);
  expect(await screen.findByText("Busy for a moment")).toBeTruthy();
  openBank(server);
  await press("Continue");
  expect((await screen.findByLabelText(/^Number to type/)).textContent).toBe("042");
});

test("after a report the page says when a sign-in can start again", async () => {
  server.on("POST /demo/sign-ins", () => problem(403, "blocked", { retry_after: 800 }));
  render(<LoginPage />);
  await press("Continue as Ada");
  expect(await screen.findByText("Sign-ins are held back")).toBeTruthy();
  expect(screen.getByText(/was reported.*Try again at \d\d:\d\d\.$/)).toBeTruthy();
  await expectAccessible();
});

test("a sign-in that is refused says why and when again, and lets somebody else begin", async () => {
  const refused = { retry_after: 480, verification_id: "ver_9" };
  server.on("POST /demo/sign-ins", () => problem(429, "rate_limited", refused));
  render(<LoginPage />);
  await press("Continue as Ada");
  const notice = await screen.findByRole("alert");
  expect(notice.textContent).toMatch(/^Too many requests.*You can try again in (8:00|7:59)\./);
  expect(screen.getByRole("button", { name: "Text me a code instead" })).toBeTruthy();
  await expectAccessible();
  const bo = { ...ada, demo_token: "demo-2", user: "demo_bo", name: "Bo Lind" };
  server.on("POST /demo/people", () => ({ status: 201, body: bo }));
  await press("Go on as somebody else");
  await screen.findByRole("button", { name: "Continue as Bo" });
  expect(screen.queryByRole("alert")).toBeNull();
  expect(localStorage.getItem("nod.demo.person")).toContain("demo_bo");
});

test("the number's ring goes on by the server's clock however often the page is drawn", async () => {
  const peer = await started();
  const left = async () => (await screen.findByRole("timer")).textContent;
  expect(await left()).toMatch(/^(2:00|1:59) left$/);
  for (let seconds = 1; seconds <= 20; seconds++) {
    const server_time = new Date(Date.now() + seconds * 1000).toISOString();
    peer.send("tick", { verification_id: "ver_1", server_time, prompt_in: 120 - seconds });
  }
  await waitFor(async () => expect(await left()).toMatch(/^1:(40|39) left$/));
});
