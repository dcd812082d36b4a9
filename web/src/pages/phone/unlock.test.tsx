// @vitest-environment jsdom

import { cleanup, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { expectAccessible } from "../../component/testkit";
import { Authority } from "../../sdk/testing/authority";
import { Platform } from "../../sdk/testing/platform";
import type { Peer, TestServer } from "../../sdk/testing/server";
import { openBank } from "../testing/bank";
import { closeNetwork, openNetwork } from "../testing/network";
import { PhonePage } from "./PhonePage";

let server: TestServer;
let authority: Authority;
let platform: Platform;

beforeEach(async () => {
  server = await openNetwork();
  authority = await Authority.make(location.origin);
  openBank(server);
  server.on("POST /demo/enrollments", () => ({ status: 201, body: { enrollment_token: "e" } }));
  server.on("POST /api/v1/devices", () => ({
    status: 201,
    body: { id: "dev_1", user_id: "demo_ada", jwks: authority.jwks, created_at: "" },
  }));
  server.on("GET /demo/messages", () => ({ stream: () => undefined }));
  platform = new Platform(location.origin);
  vi.stubGlobal("PublicKeyCredential", platform.publicKeyCredential);
  Object.defineProperty(navigator, "credentials", {
    configurable: true,
    value: platform.credentials,
  });
});
afterEach(async () => {
  cleanup();
  Reflect.deleteProperty(navigator, "credentials");
  await closeNetwork(server);
});

/** A phone with a request on its screen that needs its person checked. */
async function phone(claims: object = {}): Promise<Peer> {
  render(<PhonePage slot="1" />);
  const peer = await server.welcome("device");
  peer.send("prompts", { prompts: [] });
  await screen.findByText(/, online/);
  const demand = { require_user_verification: true, ...claims };
  peer.send("prompt", await authority.prompt("dev_1", 1, demand));
  await userEvent.click(await screen.findByRole("button", { name: /Sign-in request/ }));
  await peer.next("ack");
  await peer.next("displayed");
  return peer;
}

const button = (name: string) => screen.getByRole("button", { name });
const press = async (name: string) => await userEvent.click(button(name));
const approve = async () => {
  await screen.findByText(/^Approving asks for your fingerprint/);
  await userEvent.type(screen.getByRole("textbox"), "042{Enter}");
};

/** Takes the phone's answer off the wire, and has it accepted. */
async function answered(peer: Peer): Promise<Record<string, unknown>> {
  const { data } = await peer.next("respond");
  const [, claims = ""] = String((data as { token: string }).token).split(".");
  const told = JSON.parse(Buffer.from(claims, "base64url").toString());
  peer.send("prompt_result", { verification_id: told.verification_id, accepted: true });
  await screen.findByRole("button", { name: "Done" });
  return told;
}

test("an approval asks the device first, and says that it did", async () => {
  const peer = await phone();
  await screen.findByText(/the first time twice, to set it up/);
  await expectAccessible();
  await approve();
  const told = await answered(peer);
  expect(told).toMatchObject({ decision: "approve", number: "042", user_verification: true });
  expect(await screen.findByRole("dialog", { name: "Approved" })).toBeTruthy();
  expect(platform.asked).toEqual(["create", "get"]);
});

test("a request without a number is approved by the check alone", async () => {
  const peer = await phone({ match: { digits: 0 } });
  await screen.findByText(/^Approving asks for your fingerprint/);
  await press("Approve");
  expect(await answered(peer)).toMatchObject({ decision: "approve", user_verification: true });
});

test.each([
  ["Deny", "deny", "Denied"],
  ["Report it", "report", "Thank you for telling us"],
])("nobody is checked to refuse: %s", async (name, decision, outcome) => {
  const peer = await phone();
  if (decision === "report") await press("This isn't me");
  await press(name);
  const told = await answered(peer);
  expect(told).toMatchObject({ decision });
  expect(told).not.toHaveProperty("user_verification");
  expect(await screen.findByRole("dialog", { name: outcome })).toBeTruthy();
  expect(platform.asked).toEqual([]);
});

test("whoever is not recognised may try again, and nothing was sent meanwhile", async () => {
  const peer = await phone();
  platform.says = "no";
  await approve();
  expect((await screen.findByRole("alert")).textContent).toMatch(/You were not checked.*Try again/);
  expect(screen.queryByRole("button", { name: "Set it up again" })).toBeNull();
  expect(screen.getByRole("textbox")).toHaveProperty("value", "042");
  await expectAccessible();
  platform.says = "yes";
  await press("Approve");
  expect(await answered(peer)).toMatchObject({ decision: "approve", user_verification: true });
  expect(platform.asked).toEqual(["create", "create", "get"]);
});

test("a device that has forgotten is set up again", async () => {
  const peer = await phone();
  platform.says = "no";
  await approve();
  await screen.findByText("You were not checked");
  platform.says = "yes";
  platform.bent = { flags: 1 };
  await press("Approve");
  const alert = await screen.findByText("That check does not count");
  await expectAccessible();
  platform.bent = {};
  platform.forget();
  await press("Set it up again");
  expect(alert.isConnected).toBe(false);
  await press("Approve");
  expect(await answered(peer)).toMatchObject({ user_verification: true });
});

test.each([
  ["no fingerprint, face or PIN", /there is none here that a page may ask for/],
  ["a bare address", /A browser checks nobody on a page at a bare address/],
])("a browser with %s says so, and leaves the refusal", async (what, words) => {
  if (what === "a bare address") {
    const at = (there: Location, name: keyof Location) =>
      name === "hostname" ? "127.0.0.1" : there[name];
    vi.stubGlobal("location", new Proxy(location, { get: at as never }));
  } else platform.available = false;
  const peer = await phone();
  expect((await screen.findByRole("alert")).textContent).toMatch(words);
  expect(button("Approve")).toHaveProperty("disabled", true);
  expect(screen.queryByRole("textbox")).toBeNull();
  await expectAccessible();
  await press("Deny");
  expect(await answered(peer)).toMatchObject({ decision: "deny" });
});

test("the device's question goes with the request that it was about", async () => {
  const peer = await phone();
  const asked = new Promise<AbortSignal>((resolve) => {
    platform.credentials.create = ({ signal }) =>
      new Promise((_resolve, reject) => {
        resolve(signal as AbortSignal);
        signal?.addEventListener("abort", () => reject(signal.reason));
      });
  });
  await approve();
  const signal = await asked;
  peer.send("prompt_closed", { verification_id: "ver_1", reason: "code_used" });
  expect(await screen.findByRole("dialog", { name: "Already answered" })).toBeTruthy();
  await waitFor(() => expect(signal.aborted).toBe(true));
  expect(screen.queryByText("You were not checked")).toBeNull();
});

test("a request that needs no check asks for none", async () => {
  const peer = await phone({ require_user_verification: false });
  await userEvent.type(screen.getByRole("textbox"), "042{Enter}");
  const told = await answered(peer);
  expect(told).not.toHaveProperty("user_verification");
  expect(platform.asked).toEqual([]);
});
