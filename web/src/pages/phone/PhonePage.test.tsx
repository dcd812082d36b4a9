// @vitest-environment jsdom

import type { ServerResponse } from "node:http";
import { act, cleanup, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { expectAccessible } from "../../component/testkit";
import { Authority } from "../../sdk/testing/authority";
import { type Peer, problem, type TestServer } from "../../sdk/testing/server";
import { ada, asked, openBank, untilAsked } from "../testing/bank";
import { closeNetwork, openNetwork } from "../testing/network";
import { PhonePage } from "./PhonePage";

let server: TestServer;
let authority: Authority;
let messages: ServerResponse;
let enrolled: number;

beforeEach(async () => {
  server = await openNetwork();
  authority = await Authority.make(location.origin);
  openBank(server);
  enrolled = 0;
  server.on("POST /demo/enrollments", () => ({ status: 201, body: { enrollment_token: "e" } }));
  server.on("POST /api/v1/devices", () => ({
    status: 201,
    body: { id: `dev_${++enrolled}`, user_id: "demo_ada", jwks: authority.jwks, created_at: "" },
  }));
  server.on("GET /demo/messages", () => ({
    stream: (response) => {
      messages = response;
    },
  }));
});
afterEach(async () => {
  cleanup();
  await closeNetwork(server);
});

/** A phone that is set up and connected. */
async function phone(): Promise<Peer> {
  render(<PhonePage slot="1" />);
  const peer = await server.welcome("device");
  peer.send("prompts", { prompts: [] });
  await screen.findByText(/, online/);
  return peer;
}

const ask = async (peer: Peer, id: number) =>
  peer.send("prompt", await authority.prompt("dev_1", id));
const notification = () => screen.findByRole("button", { name: /Sign-in request/ });
const press = async (name: string | RegExp) =>
  await userEvent.click(await screen.findByRole("button", { name }));
const flip = async (name: string) => await userEvent.click(screen.getByRole("switch", { name }));

function deliver(message: object): void {
  const at = new Date().toISOString();
  messages.write(`event: message\ndata: ${JSON.stringify({ id: "m1", at, ...message })}\n\n`);
}

/** Takes the phone's answer off the wire and says what it is worth. */
async function verdict(peer: Peer, accepted: boolean, reason?: string): Promise<string> {
  const { data } = await peer.next("respond");
  const [, claims = ""] = String((data as { token: string }).token).split(".");
  const told = JSON.parse(Buffer.from(claims, "base64url").toString());
  peer.send("prompt_result", { verification_id: told.verification_id, accepted, reason });
  return `${told.decision} ${told.number ?? ""}`.trim();
}

test("a phone sets itself up, keeps its keys and is the same one after a reload", async () => {
  const peer = await phone();
  expect(peer.auth.token).toBeTypeOf("string");
  expect(screen.getByText("Requests and messages will appear here.")).toBeTruthy();
  await expectAccessible();
  cleanup();
  await phone();
  expect(asked(server, "POST /api/v1/devices")).toHaveLength(1);
});

test("a phone that cannot be set up says why and tries again", async () => {
  server.on("POST /demo/enrollments", () => problem(503, "unavailable", { detail: "Wait a bit." }));
  render(<PhonePage slot="1" />);
  expect(await screen.findByText("Wait a bit.")).toBeTruthy();
  await expectAccessible();
  server.on("POST /demo/enrollments", () => ({ status: 201, body: { enrollment_token: "e" } }));
  await press("Try again");
  await server.welcome("device");
  expect(await screen.findByRole("button", { name: "Open the app" })).toBeTruthy();
});

test.each([
  [409, "conflict", "This link was used already"],
  [410, "expired", "This link no longer works"],
  [401, "unauthenticated", "This link no longer works"],
])("a link refused with %i %s asks for a new one", async (status, code, title) => {
  history.replaceState(null, "", "#enroll=token-that-was-used");
  server.on("POST /api/v1/devices", () => problem(status, code, { field: "enrollment_token" }));
  render(<PhonePage slot="1" />);
  expect(await screen.findByText(title)).toBeTruthy();
  expect(screen.getByText("Make a new one on the stage.")).toBeTruthy();
  expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
});

test("a phone that did not come over https says so and offers no second try", async () => {
  vi.stubGlobal("isSecureContext", false);
  render(<PhonePage slot="1" />);
  expect(await screen.findByText("This page needs https")).toBeTruthy();
  expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
  vi.unstubAllGlobals();
});

test("a request is opened, its number typed by keyboard, and approved with Enter", async () => {
  const peer = await phone();
  await ask(peer, 1);
  await peer.next("ack");
  await userEvent.click(await notification());
  expect((await peer.next("displayed")).data).toEqual({ delivery_id: "dlv_1" });
  expect(screen.getByText("Zürich")).toBeTruthy();
  await expectAccessible();
  await userEvent.type(screen.getByRole("textbox"), "042{Enter}");
  expect(await verdict(peer, true)).toBe("approve 042");
  expect(await screen.findByRole("dialog", { name: "Approved" })).toBeTruthy();
  await expectAccessible();
  await press("Done");
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(screen.queryByRole("button", { name: /Sign-in request/ })).toBeNull();
});

test("a wrong number says what it means", async () => {
  const peer = await phone();
  await ask(peer, 1);
  await userEvent.click(await notification());
  await userEvent.type(screen.getByRole("textbox"), "111{Enter}");
  await peer.next("ack");
  await peer.next("displayed");
  await verdict(peer, false, "wrong_number");
  expect(await screen.findByRole("dialog", { name: "That number did not match" })).toBeTruthy();
});

test("a request that ends elsewhere closes its sheet with the reason", async () => {
  const peer = await phone();
  await ask(peer, 1);
  await userEvent.click(await notification());
  peer.send("prompt_closed", { verification_id: "ver_1", reason: "canceled" });
  expect(await screen.findByRole("dialog", { name: "Canceled on the page" })).toBeTruthy();
});

test("an answer that did not arrive keeps the sheet open and says so", async () => {
  const peer = await phone();
  await ask(peer, 1);
  await userEvent.click(await notification());
  await press("Deny");
  await peer.next("ack");
  await peer.next("displayed");
  const { id } = await peer.next("respond");
  peer.send("error", { code: "unavailable", message: "Try again in a moment." }, { id });
  expect(await screen.findByText("Try again in a moment.")).toBeTruthy();
  await press("Deny");
  expect(await verdict(peer, true)).toBe("deny");
  expect(await screen.findByRole("dialog", { name: "Denied" })).toBeTruthy();
});

test("a new request is not hidden behind what became of the last one", async () => {
  const peer = await phone();
  await ask(peer, 1);
  await userEvent.click(await notification());
  peer.send("prompt_closed", { verification_id: "ver_1", reason: "superseded" });
  await screen.findByRole("dialog", { name: "There is a newer request" });
  await ask(peer, 2);
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  expect((await notification()).closest("[inert]")).toBeNull();
});

test("a notification without a connection fetches the request that it is about", async () => {
  await phone();
  await flip("Online");
  expect(screen.getByText(/A notification can still reach it/)).toBeTruthy();
  const frame = await authority.prompt("dev_1", 1);
  server.on("GET /api/v1/prompts", () => ({ body: { prompts: [frame] } }));
  for (const kind of ["ack", "displayed"]) {
    server.on(`POST /api/v1/prompts/ver_1/${kind}`, () => ({ status: 204 }));
  }
  const about = { type: "prompt", verification_id: "ver_1" };
  deliver({ channel: "push", data: { ...about, delivery_id: "dlv_9" } });
  await userEvent.click(await notification());
  expect(await screen.findByRole("dialog", { name: "Is this you signing in?" })).toBeTruthy();
  const told = await untilAsked(server, "POST /api/v1/prompts/ver_1/ack", 2);
  expect(told.body).toEqual({ delivery_id: "dlv_9" });
});

test("an opened app lists the open request, or says that there is none", async () => {
  await phone();
  server.on("GET /api/v1/prompts", () => ({ body: { prompts: [] } }));
  await press("Open the app");
  expect(await screen.findByRole("dialog", { name: "No requests waiting" })).toBeTruthy();
  await press("Done");
  const frame = await authority.prompt("dev_1", 1);
  server.on("GET /api/v1/prompts", () => ({ body: { prompts: [frame] } }));
  await press("Open the app");
  expect(await screen.findByRole("dialog", { name: "Is this you signing in?" })).toBeTruthy();
});

test("a text shows its code while there is signal", async () => {
  await phone();
  deliver({ channel: "sms", text: "Your code is 123456.\n\n@nod.example #123456" });
  expect(await screen.findByRole("button", { name: "Copy 123456" })).toBeTruthy();
  await expectAccessible();
  await flip("Signal");
  expect(screen.queryByRole("button", { name: "Copy 123456" })).toBeNull();
});

test("a phone whose messages providers have says where they go, and waits for none", async () => {
  const sent_by = { push: ["fcm"], sms: ["twilio"], voice: ["twilio"] };
  server.on("POST /demo/people", () => ({ status: 201, body: { ...ada, sent_by } }));
  await phone();
  expect(
    screen.getByText(/Notifications go to FCM. SMS go to Twilio. With make run-p/),
  ).toBeTruthy();
  expect(screen.queryByRole("switch", { name: "Signal" })).toBeNull();
  await expectAccessible();
  await flip("Online");
  expect(screen.getByText(/A notification goes to FCM, not here/)).toBeTruthy();
  server.on("PATCH /api/v1/devices/dev_1", () => ({ body: {} }));
  await flip("Push allowed");
  expect(await screen.findByText(/An SMS goes to Twilio, not here/)).toBeTruthy();
  expect(asked(server, "GET /demo/messages")).toEqual([]);
});

test("push is switched off at the server, and stays on when it cannot be", async () => {
  await phone();
  server.on("PATCH /api/v1/devices/dev_1", () => ({ body: {} }));
  await flip("Push allowed");
  expect((await untilAsked(server, "PATCH /api/v1/devices/dev_1")).body).toEqual({ push: null });
  await flip("Push allowed");
  const { body } = await untilAsked(server, "PATCH /api/v1/devices/dev_1", 2);
  expect(body).toMatchObject({ push: { provider: "fcm", token: /^sim-/ } });
  server.on("PATCH /api/v1/devices/dev_1", () => problem(503, "unavailable"));
  await flip("Push allowed");
  await untilAsked(server, "PATCH /api/v1/devices/dev_1", 3);
  await waitFor(() =>
    expect(screen.getByRole("switch", { name: "Push allowed" }).ariaChecked).toBe("true"),
  );
});

test("the stage turns the switches of its phone and of no other", async () => {
  await phone();
  const turn = (slot: string) =>
    act(() => {
      const data = { nod: "switch", slot, switches: { online: true, push: true, signal: false } };
      window.dispatchEvent(new MessageEvent("message", { data, origin: location.origin }));
    });
  const signal = () => screen.getByRole("switch", { name: "Signal" }).getAttribute("aria-checked");
  turn("2");
  expect(signal()).toBe("true");
  turn("1");
  expect(signal()).toBe("false");
});

test("a phone that the server no longer knows enrolls once more, then says so", async () => {
  const peer = await phone();
  peer.close(4401);
  const again = await server.welcome("device");
  expect(asked(server, "POST /api/v1/devices")).toHaveLength(2);
  again.close(4401);
  expect(await screen.findByText("This phone was removed")).toBeTruthy();
});
