// @vitest-environment jsdom

import { cleanup, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { expectAccessible } from "../../component/testkit";
import { Authority } from "../../sdk/testing/authority";
import { type Peer, problem, type TestServer } from "../../sdk/testing/server";
import { openBank, untilAsked } from "../testing/bank";
import { closeNetwork, openNetwork } from "../testing/network";
import { PushBrowser } from "../testing/pushes";
import { PhonePage } from "./PhonePage";
import { requestIn } from "./useWorker";

const KEY = "BAEC";

let server: TestServer;
let authority: Authority;
let browser: PushBrowser;

beforeEach(async () => {
  server = await openNetwork();
  authority = await Authority.make(location.origin);
  openBank(server);
  server.on("POST /demo/enrollments", () => ({ status: 201, body: { enrollment_token: "e" } }));
  server.on("POST /api/v1/devices", () => ({
    status: 201,
    body: { id: "dev_1", user_id: "demo_ada", jwks: authority.jwks, created_at: "" },
  }));
  server.on("GET /demo/messages", () => ({ stream: () => {} }));
  server.on("GET /api/v1/push-key", () => ({ body: { key: KEY } }));
  server.on("PATCH /api/v1/devices/dev_1", () => ({ body: {} }));
  browser = new PushBrowser();
  browser.start();
});
afterEach(async () => {
  cleanup();
  browser.stop();
  vi.restoreAllMocks();
  await closeNetwork(server);
});

async function phone(): Promise<Peer> {
  render(<PhonePage slot="1" />);
  const peer = await server.welcome("device");
  peer.send("prompts", { prompts: [] });
  await screen.findByText(/, online/);
  return peer;
}

const press = async (name: string | RegExp) =>
  await userEvent.click(await screen.findByRole("button", { name }));
/** What the server was told, the first time that the phone is reached nowhere. */
const pushes = async (times: number) =>
  (await untilAsked(server, "PATCH /api/v1/devices/dev_1", times)).body.push;

test("while the server has Web Push off nothing is offered", async () => {
  server.on("GET /api/v1/push-key", () => ({ body: { key: null } }));
  await phone();
  await untilAsked(server, "GET /api/v1/push-key");
  expect(screen.queryByRole("region", { name: "Notifications of this browser" })).toBeNull();
  expect(browser.registered).toEqual([]);
  expect(server.requests.filter(({ method }) => method === "PATCH")).toEqual([]);
});

test("notifications are asked for by a click only, switched on, and off again", async () => {
  const asked = vi.spyOn(Notification, "requestPermission");
  await phone();
  await screen.findByText("Get requests even when this page is closed");
  expect(asked).not.toHaveBeenCalled();
  await expectAccessible();
  await press("Turn on notifications");
  expect(await screen.findByText("Notifications are on")).toBeTruthy();
  expect(browser.registered).toEqual(["/phone"]);
  expect(await pushes(1)).toBeNull();
  expect(await pushes(2)).toMatchObject({
    provider: "webpush",
    token: /"https:\/\/push\.example\/1"/,
  });
  await expectAccessible();
  await press("Turn off");
  expect(await pushes(3)).toBeNull();
  await screen.findByText("Get requests even when this page is closed");
  expect(browser.subscription).toBeNull();
});

test("the switch of the phone keeps to the browser's notifications", async () => {
  await phone();
  await press("Turn on notifications");
  await pushes(2);
  await userEvent.click(screen.getByRole("switch", { name: "Push allowed" }));
  expect(await pushes(3)).toBeNull();
  expect(screen.getByRole("button", { name: "Turn on notifications" })).toBeTruthy();
  await userEvent.click(screen.getByRole("switch", { name: "Push allowed" }));
  expect(await pushes(4)).toMatchObject({ provider: "webpush" });
});

test("the switch is on only where a notification can come, and turns them on", async () => {
  await phone();
  await screen.findByText("Get requests even when this page is closed");
  const push = screen.getByRole("switch", { name: "Push allowed" });
  expect(push.getAttribute("aria-checked")).toBe("false");
  await userEvent.click(push);
  expect(await pushes(2)).toMatchObject({ provider: "webpush" });
  await screen.findByText("Notifications are on");
  expect(push.getAttribute("aria-checked")).toBe("true");
  await press("Turn off");
  await waitFor(() => expect(push.getAttribute("aria-checked")).toBe("false"));
  browser.says = "denied";
  await userEvent.click(push);
  await screen.findByText("Notifications are blocked");
  expect(push).toHaveProperty("disabled", true);
});

test("a subscription that stands is told to the server once, and made anew for a new key", async () => {
  await phone();
  await press("Turn on notifications");
  await pushes(2);
  cleanup();
  await phone();
  await screen.findByText("Notifications are on");
  expect(server.requests.filter(({ method }) => method === "PATCH")).toHaveLength(2);
  cleanup();
  server.on("GET /api/v1/push-key", () => ({ body: { key: "BBBB" } }));
  const subscribe = vi.spyOn(browser, "subscribe");
  await phone();
  await screen.findByText("Notifications are on");
  expect(subscribe).toHaveBeenCalledOnce();
});

test("a server that switched Web Push off again gets the simulated network back", async () => {
  await phone();
  await press("Turn on notifications");
  await pushes(2);
  cleanup();
  server.on("GET /api/v1/push-key", () => ({ body: { key: null } }));
  await phone();
  expect(await pushes(3)).toMatchObject({ provider: "fcm", token: /^sim-/ });
});

test("a person who says no reads how to mend it, and a mended browser is noticed", async () => {
  browser.says = "denied";
  await phone();
  await press("Turn on notifications");
  expect(await screen.findByText("Notifications are blocked")).toBeTruthy();
  await expectAccessible();
  browser.permission = "default";
  document.dispatchEvent(new Event("visibilitychange"));
  expect(await screen.findByRole("button", { name: "Turn on notifications" })).toBeTruthy();
});

test("a push service that cannot be reached is told kindly, and tried again", async () => {
  browser.subscribe = async () => {
    throw new DOMException("Registration failed - push service error", "AbortError");
  };
  await phone();
  await press("Turn on notifications");
  expect(await screen.findByText("This browser's push service cannot be reached")).toBeTruthy();
  expect(server.requests.filter(({ method }) => method === "PATCH")).toHaveLength(1);
  browser.subscribe = async () => undefined;
  await press("Try again");
  expect(await screen.findByText("Notifications are on")).toBeTruthy();
});

test("a server that does not take the subscription is a problem that is shown", async () => {
  await phone();
  await pushes(1);
  server.on("PATCH /api/v1/devices/dev_1", () => problem(503, "unavailable"));
  await press("Turn on notifications");
  expect((await screen.findByRole("alert")).textContent).toContain("Busy for a moment");
});

test.each([
  ["Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)", "Add nod to your Home Screen"],
  ["Mozilla/5.0 (X11; Linux x86_64)", "No notifications in this browser"],
])("a browser without pushes, %s, says so", async (userAgent, title) => {
  browser.stop();
  vi.spyOn(navigator, "userAgent", "get").mockReturnValue(userAgent);
  await phone();
  expect(await screen.findByText(title)).toBeTruthy();
  await expectAccessible();
});

test("a tapped notification opens its request", async () => {
  const peer = await phone();
  peer.send("prompt", await authority.prompt("dev_1", 1));
  await screen.findByRole("button", { name: /Sign-in request/ });
  await browser.tell({ nod: "open", verificationId: "ver_1" });
  expect(await screen.findByRole("dialog", { name: "Is this you signing in?" })).toBeTruthy();
});

test("an address that names a request opens it", async () => {
  const frame = await authority.prompt("dev_1", 1);
  server.on("GET /api/v1/prompts", () => ({ body: { prompts: [frame] } }));
  history.replaceState(null, "", "#request=ver_1");
  render(<PhonePage slot="1" />);
  expect(await screen.findByRole("dialog", { name: "Is this you signing in?" })).toBeTruthy();
  expect(location.hash).toBe("");
});

test("the page tells the worker whether a request stands on it", async () => {
  const peer = await phone();
  const about = { type: "prompt", verification_id: "ver_1", delivery_id: "dlv_1" };
  expect(await browser.tell({ nod: "pushed", data: about })).toBe(false);
  expect(await screen.findAllByRole("button", { name: /Sign-in request/ })).toHaveLength(1);
  peer.send("prompt", await authority.prompt("dev_1", 1));
  await peer.next("ack");
  await waitFor(async () => expect(await browser.tell({ nod: "pushed", data: about })).toBe(true));
  expect(screen.getAllByRole("button", { name: /Sign-in request/ })).toHaveLength(1);
});

test("a request that comes to a page nobody looks at is shown as a notification", async () => {
  const peer = await phone();
  await press("Turn on notifications");
  await screen.findByText("Notifications are on");
  const hidden = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
  peer.send("prompt", await authority.prompt("dev_1", 1));
  await waitFor(() => expect([...browser.shown]).toEqual(["ver_1"]));
  hidden.mockRestore();
  await userEvent.click(await screen.findByRole("button", { name: /Sign-in request/ }));
  await waitFor(() => expect([...browser.shown]).toEqual([]));
});

test.each([
  ["#request=ver_1", "ver_1"],
  ["#request=../x", null],
  ["#enroll=token", null],
  ["", null],
])("the request in %j is %s", (hash, id) => expect(requestIn(hash)).toBe(id));
