// @vitest-environment jsdom
import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, test, vi } from "vitest";
import { expectAccessible } from "../../component/testkit";
import { NO_COUNTDOWNS, type StatusBody } from "../../sdk";
import { AskedView } from "./AskedView";
import { CodeView } from "./CodeView";
import { EndedView } from "./EndedView";
import { LockedView } from "./LockedView";
import { SignedInView } from "./SignedInView";
import { StartView } from "./StartView";
import type { SignIn } from "./useSignIn";
import { WaitingView } from "./WaitingView";

afterEach(cleanup);

const serverNow = Date.UTC(2026, 4, 4, 10);

const body = (more: Partial<StatusBody> = {}): StatusBody => ({
  verification_id: "ver_1",
  purpose: "login",
  status: "pending",
  stage: "prompted",
  phone_number: "+1 ••• 0123",
  match_number: "042",
  prompt_expires_at: new Date(serverNow + 90_000).toISOString(),
  seq: 1,
  server_time: new Date(serverNow).toISOString(),
  ...more,
});

const signIn = (more: Partial<SignIn> = {}): SignIn => ({
  phase: "open",
  person: { demo_token: "t", user: "u", name: "Ada Moreno", phone_number: "+14155550123" },
  status: null,
  countdowns: { ...NO_COUNTDOWNS, push: 12, sms: 0 },
  tracks: [],
  done: null,
  problem: null,
  busy: false,
  act: null,
  now: () => serverNow,
  promptSpan: 120,
  start: vi.fn(),
  next: vi.fn(),
  resend: vi.fn(),
  check: vi.fn(async () => false),
  cancel: vi.fn(),
  finish: vi.fn(),
  leave: vi.fn(),
  remember: false,
  setRemember: vi.fn(),
  forgetBrowsers: vi.fn(),
  beSomebodyElse: vi.fn(),
  ...more,
});

test("the start knows who signs in, and waits visibly until it does", async () => {
  const { rerender } = render(<StartView signIn={signIn({ person: null })} />);
  expect(screen.getByRole("status", { name: "Loading your demo account" })).toBeTruthy();
  rerender(<StartView signIn={signIn()} />);
  expect(screen.getByRole("button", { name: "Continue as Ada" })).toBeTruthy();
  await expectAccessible();
});

test("while the phone is asked the number, the time and all ways out are there", async () => {
  const page = signIn();
  render(<AskedView signIn={page} status={body()} />);
  const number = screen.getByRole("status", { name: "Number to type on your phone: 0 4 2" });
  expect(number.textContent).toBe("042");
  expect(screen.getByRole("timer").textContent).toBe("1:30 left");
  const waiting = screen.getByRole("button", { name: "Ask again in 12 s" });
  expect(waiting).toHaveProperty("disabled", true);
  await userEvent.click(screen.getByRole("button", { name: "Text me a code" }));
  expect(page.next).toHaveBeenCalled();
  await userEvent.click(screen.getByRole("button", { name: "I don't have my phone" }));
  expect(screen.getByText("That is all right, nothing is lost")).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: "Cancel" }));
  expect(page.cancel).toHaveBeenCalled();
  await expectAccessible();
});

test("before anything is known the same view stands there as a skeleton", () => {
  render(<AskedView signIn={signIn()} status={null} />);
  expect(screen.getByRole("heading", { name: "Check your phone" })).toBeTruthy();
  expect(screen.getByRole("status", { name: "Starting" })).toBeTruthy();
});

test("a wrong code is said, the field is empty again and has the focus", async () => {
  const page = signIn();
  const status = body({ stage: "code_entry", code_length: 6, attempts_remaining: 2 });
  render(<CodeView signIn={page} status={status} />);
  const field = screen.getByRole("textbox", { name: "6-digit code" });
  await userEvent.type(field, "123456");
  expect(page.check).toHaveBeenCalledExactlyOnceWith("123456");
  expect(
    await screen.findByText("That code is not right. Check the newest message and try again."),
  ).toBeTruthy();
  expect(field).toHaveProperty("value", "");
  expect(document.activeElement).toBe(field);
  expect(screen.getByText(/^2 tries left/)).toBeTruthy();
  await expectAccessible();
});

test("when nothing is under way, asking again comes first", async () => {
  const page = signIn({ countdowns: { ...NO_COUNTDOWNS, push: 0, sms: 0 } });
  render(<WaitingView signIn={page} status={body({ stage: "awaiting_resend" })} />);
  expect(screen.getByRole("heading", { name: "Shall we ask again?" })).toBeTruthy();
  expect(screen.getByRole("button", { name: "Ask my phone" }).className).toContain("accent");
  await expectAccessible();
});

test("a lock says how long, and that the phone can still answer", async () => {
  const tracks = [{ id: "dlv_1", channel: "sms", device: "", state: "delivered", class: "" }];
  const page = signIn({ tracks });
  const locked_until = new Date(serverNow + 600_000).toISOString();
  const { rerender } = render(
    <LockedView signIn={page} status={body({ stage: "locked", locked_until })} />,
  );
  expect(screen.getByText(/You can type a code again in 10 minutes\.$/)).toBeTruthy();
  expect(screen.getByText(/^Your phone can still answer: .* type this number/)).toBeTruthy();
  expect(screen.getByRole("status", { name: /^Number to type on your phone/ })).toBeTruthy();
  expect(screen.queryByRole("textbox")).toBeNull();
  expect(screen.queryByRole("button", { name: /^Resend/ })).toBeNull();
  await expectAccessible();
  const over = { match_number: null, prompt_expires_at: null };
  rerender(<LockedView signIn={page} status={body({ stage: "locked", ...over })} />);
  expect(screen.getByText(/until the service unlocks them\. Ask it for help\.$/)).toBeTruthy();
  expect(screen.queryByText(/can still answer/)).toBeNull();
});

test("a phone that was not rung is told of, with what helps", async () => {
  const suppressed = (id: string, channel: string) => ({
    id,
    channel,
    device: "dev_1",
    state: "suppressed",
    class: "policy",
  });
  const tracks = [
    suppressed("dlv_1", "websocket"),
    suppressed("dlv_2", "push"),
    suppressed("dlv_3", "sms"),
  ];
  const page = signIn({ tracks, countdowns: { ...NO_COUNTDOWNS, sms: 0 } });
  const { rerender } = render(
    <AskedView signIn={page} status={body({ next_actions: { sms_in: 0 } })} />,
  );
  expect(screen.getByText(/^Your phone was not rung, .* Or ask for a code\.$/)).toBeTruthy();
  expect(screen.getAllByText("Not rung: open the app to answer")).toHaveLength(2);
  expect(screen.getByText("Not sent, to keep you safe")).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: "Text me a code" }));
  expect(page.next).toHaveBeenCalled(); // the first code: none has left
  await expectAccessible();
  rerender(<AskedView signIn={page} status={body({ next_actions: { sms_in: null } })} />);
  expect(screen.getByText(/Open the app there, type this number, and approve\.$/)).toBeTruthy();
});

test("a longer number stands in groups, and is still one number", () => {
  render(<AskedView signIn={signIn()} status={body({ match_number: "042917" })} />);
  const number = screen.getByRole("status", {
    name: "Number to type on your phone: 0 4 2 9 1 7",
  });
  expect([...number.children].map(({ textContent }) => textContent)).toEqual(["042", "917"]);
});

test("a code is sent again, by its own way or by another, as far as the server offers it", async () => {
  const track = { id: "dlv_1", channel: "sms", device: "", state: "delivered", class: "" };
  const page = signIn({
    tracks: [track],
    countdowns: { ...NO_COUNTDOWNS, push: 0, sms: 0, voice: 0 },
  });
  const sent = { stage: "code_entry", resend_count: 1, max_resends: 3 } as const;
  const { rerender } = render(<CodeView signIn={page} status={body(sent)} />);
  await userEvent.click(screen.getByRole("button", { name: "Resend Code (1/3)" }));
  expect(page.resend).toHaveBeenLastCalledWith("sms");
  await userEvent.click(screen.getByRole("button", { name: "Call me" }));
  expect(page.resend).toHaveBeenLastCalledWith("voice");
  const alternatives = [
    { kind: "voice" as const, label: "", available_in: 0 },
    { kind: "email" as const, label: "", available_in: 0 },
  ];
  rerender(<CodeView signIn={page} status={body({ ...sent, resend_count: 3, alternatives })} />);
  expect(screen.getByRole("button", { name: "Max Resends Reached" })).toHaveProperty(
    "disabled",
    true,
  );
  expect(screen.queryByRole("button", { name: "Call me" })).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: "Get a code by e-mail" }));
  expect(page.resend).toHaveBeenLastCalledWith("email");
  await expectAccessible();
});

test("an end without success offers the next step", async () => {
  const page = signIn();
  render(<EndedView signIn={page} status={body({ status: "expired" })} />);
  await userEvent.click(screen.getByRole("button", { name: "Start again" }));
  expect(page.start).toHaveBeenCalled();
  await expectAccessible();
});

test("the end is a welcome", async () => {
  const done = { user: "u", name: "Ada", method: "app", at: "2026-05-04T10:00:00Z" };
  render(<SignedInView signIn={signIn()} done={done} />);
  expect(screen.getByRole("heading", { name: "Welcome, Ada" })).toBeTruthy();
  await expectAccessible();
});

test.each([
  ["sms", "unknown", "We tried to send it by SMS to +1 ••• 0123, and cannot tell if it worked."],
  ["voice", "unknown", "We tried to call you at +1 ••• 0123, and cannot tell if it worked."],
  ["sms", "accepted", "We sent it by SMS to +1 ••• 0123."],
  ["voice", "delivered", "We called you at +1 ••• 0123 with your code."],
  ["email", "accepted", "We sent it by e-mail."],
])("a code by %s that is %s is spoken of as it is", (channel, state, words) => {
  const tracks = [{ id: "dlv_1", channel, device: "", state, class: "" }];
  const status = body({ stage: "code_entry", match_number: null });
  render(<CodeView signIn={signIn({ tracks })} status={status} />);
  expect(screen.getByText(words)).toBeTruthy();
});

test("the field takes the next code at once", () => {
  vi.spyOn(document, "hasFocus").mockReturnValue(true);
  const status = body({ stage: "code_entry" });
  const track = (id: string, channel: string) => ({
    id,
    channel,
    device: "",
    state: "queued",
    class: "",
  });
  const tracks = [track("dlv_1", "sms")];
  const { rerender } = render(<CodeView signIn={signIn({ tracks })} status={status} />);
  const field = () => screen.getByRole("textbox", { name: "6-digit code" });
  expect(document.activeElement).toBe(field());
  rerender(<CodeView signIn={signIn({ tracks, busy: true })} status={status} />);
  field().blur();
  rerender(<CodeView signIn={signIn({ tracks })} status={status} />);
  expect(document.activeElement).toBe(field());
  field().blur();
  const both = [...tracks, track("dlv_2", "voice")];
  rerender(<CodeView signIn={signIn({ tracks: both })} status={status} />);
  expect(document.activeElement).toBe(field());
});

test("the page says which provider has the SMS, and nothing while it is simulated", async () => {
  const tracks = [{ id: "dlv_1", channel: "sms", device: "", state: "accepted", class: "" }];
  const status = body({ stage: "code_entry" });
  const page = signIn({ tracks });
  const { rerender } = render(<CodeView signIn={page} status={status} />);
  expect(screen.queryByText(/went to/)).toBeNull();
  const person = { ...page.person, sent_by: { sms: ["twilio"] } } as SignIn["person"];
  rerender(<CodeView signIn={signIn({ tracks, person })} status={status} />);
  expect(screen.getByText(/^The SMS went to Twilio\. With make run-providers/)).toBeTruthy();
  await expectAccessible();
});
