// @vitest-environment jsdom
import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";
import { expectAccessible } from "../../component/testkit";
import type { Prompt } from "../../sdk";
import { allOn } from "../bridge";
import { LockScreen } from "./LockScreen";
import { OutcomeView } from "./OutcomeView";
import { RequestSheet } from "./RequestSheet";
import { SetupView } from "./SetupView";
import { StatusBar } from "./StatusBar";
import type { Phone } from "./usePhone";
import { canNotify } from "./webpush";

afterEach(cleanup);

const prompt: Prompt = {
  verificationId: "ver_1",
  deliveryId: "dlv_1",
  purpose: "login",
  context: { app: "Nod Demo Bank", ip: "203.0.113.24", location: "Lisbon, Portugal" },
  bindingMessage: null,
  digits: 3,
  requireUserVerification: false,
  expiresAt: 0,
  signed: "",
};

const phone = (more: Partial<Phone> = {}): Phone => ({
  slot: "1",
  ready: null,
  connection: "open",
  switches: allOn,
  notified: canNotify("off", more.senders ?? {}),
  reach: "off",
  notifications: [],
  senders: {},
  open: null,
  unlock: "none",
  renewUnlock: null,
  outcome: null,
  problem: null,
  busy: false,
  remaining: () => 90,
  setSwitches: vi.fn(),
  notify: vi.fn(),
  openRequest: vi.fn(),
  openApp: vi.fn(),
  answer: vi.fn(),
  lock: vi.fn(),
  again: vi.fn(),
  ...more,
});

test("the locked screen gives nothing away and opens the request", async () => {
  const request = { kind: "request", key: "a", verificationId: "a", at: 0, push: null } as const;
  const page = phone({ notifications: [request] });
  render(<LockScreen phone={page} />);
  const notification = screen.getByRole("button", { name: /Sign-in request/ });
  expect(notification.textContent).not.toMatch(/bank|Lisbon|\d{3}\./i);
  await userEvent.click(notification);
  expect(page.openRequest).toHaveBeenCalledWith(request);
  await expectAccessible();
});

test("offline is told in words", () => {
  render(<StatusBar phone={phone({ connection: "closed" })} />);
  expect(screen.getByText("Offline")).toBeTruthy();
});

test.each([
  [{ push: true, signal: false }, "A notification can still reach it."],
  [{ push: false, signal: true }, "Only an SMS can reach this phone."],
  [{ push: false, signal: false }, "Nothing can reach this phone now."],
])("offline with %j the locked screen says what can still come", (left, words) => {
  const switches = { online: false, ...left };
  render(<LockScreen phone={phone({ connection: "closed", switches })} />);
  expect(screen.getByText(`The app is offline. ${words}`)).toBeTruthy();
});

test.each([
  [{ push: [], sms: [] }, "Nothing can reach this phone now."],
  [{ push: [] }, "Only an SMS can reach this phone."],
  [{ push: ["fcm"] }, "A notification goes to FCM, not here."],
  [{ push: [], sms: ["vonage"] }, "An SMS goes to Vonage, not here."],
])("offline with messages sent by %j the locked screen says where they go", (senders, words) => {
  const switches = { ...allOn, online: false };
  render(<LockScreen phone={phone({ connection: "closed", switches, senders })} />);
  expect(screen.getByText(`The app is offline. ${words}`)).toBeTruthy();
});

test.each([
  ["the heading", () => screen.getByRole("heading")],
  ["a button", () => screen.getByRole("button", { name: "Deny" })],
])("digits typed while the focus is on %s reach the number", async (_place, focused) => {
  const page = phone();
  render(<RequestSheet phone={page} prompt={prompt} />);
  focused().focus();
  await userEvent.keyboard("043{Backspace}2{Enter}");
  expect(page.answer).toHaveBeenCalledExactlyOnceWith("approve", "042");
});

test("digits typed while the sheet still opens are not lost, and the field takes over", async () => {
  const { rerender } = render(<RequestSheet phone={phone({ busy: true })} prompt={prompt} />);
  screen.getByRole("heading").focus();
  await userEvent.keyboard("04");
  rerender(<RequestSheet phone={phone()} prompt={prompt} />);
  expect(document.activeElement).toBe(screen.getByRole("textbox"));
  expect(screen.getByRole("textbox")).toHaveProperty("value", "04");
});

test("a phone that no second try can set up offers none", () => {
  const problem = { title: "This link was used already", text: "Make a new one on the stage." };
  render(<SetupView phone={phone({ problem, again: null })} />);
  expect(screen.getByRole("alert").textContent).toContain("Make a new one on the stage.");
  expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
});

test("approving needs the whole number, from the keypad or the keyboard", async () => {
  const page = phone();
  render(<RequestSheet phone={page} prompt={prompt} />);
  expect(screen.getByRole("dialog", { name: "Is this you signing in?" })).toBeTruthy();
  expect(screen.getByText("Lisbon, Portugal")).toBeTruthy();
  const approve = screen.getByRole("button", { name: "Approve" });
  expect(approve).toHaveProperty("disabled", true);
  await userEvent.click(screen.getByRole("button", { name: "0" }));
  await userEvent.type(
    screen.getByRole("textbox", { name: "Type the number from the page" }),
    "42",
  );
  await userEvent.click(approve);
  expect(page.answer).toHaveBeenCalledExactlyOnceWith("approve", "042");
  await expectAccessible();
});

test("denying takes one tap, reporting says first what it does", async () => {
  const page = phone();
  render(<RequestSheet phone={page} prompt={prompt} />);
  await userEvent.click(screen.getByRole("button", { name: "This isn't me" }));
  expect(screen.getByText(/holds back new sign-ins for 15 minutes/)).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: "Go back" }));
  await userEvent.click(screen.getByRole("button", { name: "Deny" }));
  expect(page.answer).toHaveBeenCalledExactlyOnceWith("deny");
  await userEvent.keyboard("{Escape}");
  expect(page.lock).toHaveBeenCalled();
});

test("a request without a number is approved at once", async () => {
  const page = phone();
  render(<RequestSheet phone={page} prompt={{ ...prompt, digits: 0 }} />);
  await userEvent.click(screen.getByRole("button", { name: "Approve" }));
  expect(page.answer).toHaveBeenCalledExactlyOnceWith("approve", undefined);
});

test("what became of it is a dialog with one way on", async () => {
  const done = vi.fn();
  const outcome = { title: "Denied", text: "Nobody was signed in.", tone: "plain" } as const;
  render(<OutcomeView outcome={outcome} onDone={done} />);
  await userEvent.click(screen.getByRole("button", { name: "Done" }));
  expect(done).toHaveBeenCalled();
  await expectAccessible();
});
