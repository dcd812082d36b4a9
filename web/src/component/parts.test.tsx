// @vitest-environment jsdom
import { act, cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { NodError, type StatusBody } from "../sdk";
import { proving } from "../sdk/testing/bodies";
import { Alternatives } from "./Alternatives";
import { Attempts } from "./Attempts";
import { CodeEntry } from "./CodeEntry";
import { ProblemNotice } from "./ProblemNotice";
import { Reach } from "./Reach";
import { ResendButton } from "./ResendButton";
import { Summary } from "./Summary";
import { expectAccessible } from "./testkit";

afterEach(() => {
  cleanup();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const start = Date.parse("2026-05-04T10:00:00.000Z");
const at = (seconds: number) => new Date(start + seconds * 1000).toISOString();
const body = (more: Partial<StatusBody> = {}) =>
  proving(1, { server_time: at(0), next_resend_at: null, next_resend_delay: 60, ...more });
const now = () => Date.now();

describe("the resend button", () => {
  beforeEach(() => void vi.useFakeTimers({ now: start }));

  const draw = (more: Partial<StatusBody>, sending = false) =>
    render(<ResendButton status={body(more)} now={now} sending={sending} onResend={() => {}} />);
  const button = () => screen.getByRole<HTMLButtonElement>("button");

  test.each([
    [{ next_resend_at: at(42) }, "Resend in 0:42", true],
    [{ next_resend_at: at(300) }, "Resend in 5:00", true],
    [{ resend_count: 0 }, "Resend Code (0/3)", false],
    [{ resend_count: 1 }, "Resend Code (1/3)", false],
    [{ resend_count: 3 }, "Max Resends Reached", true],
    [{ resend_count: 3, next_resend_at: at(9) }, "Resend in 0:09", true],
  ] as const)("%j reads %s", (more, text, disabled) => {
    draw(more);
    expect(button().textContent).toBe(text);
    expect(button().disabled).toBe(disabled);
  });

  test("counts down by the server's clock, also over a sleep, and then can be pressed", () => {
    draw({ next_resend_at: at(42) });
    act(() => vi.advanceTimersByTime(1001));
    expect(button().textContent).toBe("Resend in 0:41");
    // Thirty seconds without a timer, as while a laptop is closed.
    vi.setSystemTime(start + 31_000);
    act(() => vi.advanceTimersByTime(1001));
    expect(button().textContent).toBe("Resend in 0:10");
    act(() => vi.advanceTimersByTime(11_000));
    expect(button().textContent).toBe("Resend Code (0/3)");
    expect(button().disabled).toBe(false);
  });

  test("is read aloud at 30, 10 and 5 seconds only", () => {
    const { container } = draw({ next_resend_at: at(33) });
    const live = container.querySelector("[aria-live=polite]") as HTMLElement;
    const heard: string[] = [];
    for (let second = 0; second < 34; second++) {
      if (live.textContent) heard.push(live.textContent);
      act(() => vi.advanceTimersByTime(1000));
    }
    expect(heard).toEqual([
      "You can ask for another code in 30 seconds",
      "You can ask for another code in 10 seconds",
      "You can ask for another code in 5 seconds",
    ]);
  });

  test("says that a send is under way", () => {
    draw({}, true);
    expect(button().textContent).toBe("Sending…");
    expect(button().getAttribute("aria-busy")).toBe("true");
  });
});

describe("the code's entry", () => {
  const draw = (
    onCheck: (code: string) => void,
    more: { wrong?: number; checking?: boolean } = {},
  ) => (
    <CodeEntry
      status={body({ expires_at: null })}
      now={now}
      checking={more.checking ?? false}
      wrong={more.wrong ?? 0}
      onCheck={onCheck}
    />
  );
  const field = () => screen.getByRole<HTMLInputElement>("textbox", { name: "6-digit code" });

  test.each(["123 456", "G-123456", "१२३ ४५६", "١٢٣-٤٥٦", "۱۲۳۴۵۶"])(
    "%s is pasted, over what was typed before, and checked by itself, once",
    async (pasted) => {
      const check = vi.fn();
      render(draw(check));
      await userEvent.type(field(), "99");
      await userEvent.paste(pasted);
      expect(field().value).toBe("123456");
      expect(check.mock.calls).toEqual([["123456"]]);
    },
  );

  test("a wrong code leaves an empty field that says so", async () => {
    const { rerender } = render(draw(() => {}));
    await userEvent.type(field(), "111111");
    rerender(draw(() => {}, { checking: true }));
    expect(screen.getByRole("button", { name: "Checking…" })).toHaveProperty("disabled", true);
    rerender(draw(() => {}, { wrong: 1 }));
    expect(field().value).toBe("");
    expect(field().getAttribute("aria-invalid")).toBe("true");
    expect(screen.getByText(/That code is not right/)).toBeTruthy();
    expect(screen.getByText("3 tries left")).toBeTruthy();
    await expectAccessible();
  });

  test("the browser brings the code out of the SMS, and is let go when nobody waits", async () => {
    const signals: AbortSignal[] = [];
    let bring: (credential: object) => void = () => {};
    vi.stubGlobal("OTPCredential", class {});
    const get = vi.fn(({ signal }: { signal: AbortSignal }) => {
      signals.push(signal);
      return new Promise((resolve) => {
        bring = resolve;
      });
    });
    Object.defineProperty(navigator, "credentials", { configurable: true, value: { get } });
    const check = vi.fn();
    const { unmount } = render(draw(check));
    expect(get.mock.calls[0]?.[0]).toMatchObject({ otp: { transport: ["sms"] } });
    await act(async () => bring({ code: "654321" }));
    expect(check.mock.calls).toEqual([["654321"]]);
    unmount();
    expect(signals.map((signal) => signal.aborted)).toEqual([true]);
    Reflect.deleteProperty(navigator, "credentials");
  });
});

describe("what happened", () => {
  const sms = { channel: "sms" as const, class: null };
  const history = [
    { at: at(0), kind: "send", channel: "sms", status: "queued" },
    { at: at(20), kind: "check", channel: "sms", status: "wrong" },
    { at: at(60), kind: "resend", channel: "sms", status: "sending" },
  ];
  const deliveries = [
    { id: "dlv_1", ...sms, state: "delivered" as const, at: at(3) },
    { id: "dlv_2", ...sms, state: "unknown" as const, at: at(70) },
    { id: "dlv_3", channel: "voice" as const, state: "accepted" as const, at: at(200) },
  ];

  test("is told in words and signs, with what the events brought since", async () => {
    render(<Attempts status={body({ attempt_history: history, deliveries })} />);
    await userEvent.click(screen.getByText("What happened so far"));
    const lines = screen.getAllByRole("listitem").map((line) => line.textContent);
    expect(lines.map((line) => line?.replace(/\d\d:\d\d( [AP]M)?/, " "))).toEqual([
      "Code by SMS Delivered",
      "You typed a code Wrong",
      "Another code by SMS Not sure it left",
      "Another phone call Sent",
    ]);
    for (const line of screen.getAllByRole("listitem")) {
      expect(line.querySelectorAll("svg")).toHaveLength(2);
    }
    await expectAccessible();
  });

  test.each([
    ["queued", "Sending"],
    ["accepted", "Sent"],
    ["delivered", "Delivered"],
    ["unknown", "We cannot tell if it left. You may send it again."],
    ["failed", "It did not get through."],
  ] as const)("a message that is %s reads: %s", (state, words) => {
    render(<Reach status={body({ deliveries: [{ id: "dlv_1", ...sms, state, at: at(0) }] })} />);
    const line = screen.getByRole("listitem");
    const heard = [...line.querySelectorAll("span:not([aria-hidden] *, [aria-hidden])")];
    expect(heard.map((part) => part.textContent)).toEqual(["SMS", words]);
  });

  test("a request that was seen has three steps", () => {
    const seen = { id: "dlv_1", channel: "push", state: "displayed", at: at(0) } as const;
    const { container } = render(<Reach status={body({ deliveries: [seen] })} />);
    expect(container.querySelectorAll("[data-state=done]")).toHaveLength(3);
  });
});

test("other ways have their own waits, and a contact can be followed", async () => {
  vi.useFakeTimers({ now: start });
  const status = body({
    alternatives: [
      { kind: "change_phone", label: "-", available_in: 0 },
      { kind: "voice", label: "-", available_in: 75 },
      { kind: "support", label: "help@bank.example", available_in: 0 },
    ],
  });
  const [channel, change] = [vi.fn(), vi.fn()];
  render(<Alternatives status={status} now={now} onChannel={channel} onChangePhone={change} />);
  const call = screen.getByRole<HTMLButtonElement>("button", { name: /phone call/ });
  expect(call.textContent).toBe("Get the code by a phone call in 1:15");
  expect(call.disabled).toBe(true);
  act(() => vi.advanceTimersByTime(76_000));
  act(() => call.click());
  expect(channel.mock.calls).toEqual([["voice"]]);
  act(() => screen.getByRole("button", { name: "Use another phone number" }).click());
  expect(change).toHaveBeenCalledOnce();
  expect(screen.getByRole("link").getAttribute("href")).toBe("mailto:help@bank.example");
  vi.useRealTimers();
  await expectAccessible();
});

// Contract, section 3, and what the SDK adds.
const codes =
  "invalid_json unauthenticated forbidden blocked not_found conflict in_progress same_number max_resends_reached already_decided idempotency_conflict expired payload_too_large locked unknown_field invalid_phone invalid_request no_channel cooldown rate_limited too_many_attempts internal unavailable network timeout bad_answer no_token client".split(
    " ",
  );

test.each(codes)("%s is said with the next step, never as a code", (code) => {
  const detail = "The server's own sentence.";
  const problem = new NodError({ code, title: "The server's title", detail, status: 409 });
  render(<ProblemNotice problem={problem} retryIn={65} />);
  const words = screen.getByRole("alert").textContent ?? "";
  expect(words).not.toContain(code);
  expect(words).toMatch(/You can try again in 1:05\.$/);
  const own =
    /^(invalid_json|idempotency_conflict|payload_too_large|unknown_field|invalid_request)$/;
  expect(words.includes(detail)).toBe(own.test(code));
});

test("the person's own figures are asked for when they are looked at, and can be asked for again", async () => {
  const load = vi.fn(async () => false);
  const { rerender } = render(<Summary summary={null} onLoad={load} />);
  expect(load).not.toHaveBeenCalled();
  await userEvent.click(screen.getByText("Your activity"));
  await userEvent.click(await screen.findByRole("button", { name: "Try again" }));
  expect(load).toHaveBeenCalledTimes(2);
  const totals = {
    send_code: 4,
    verify_success: 3,
    verify_failed: 2,
    resend_request: 5,
    change_phone: 1,
  };
  const figures = { days: 30, success_rate: 0.75, avg_time_to_complete_seconds: 34 };
  rerender(<Summary summary={{ ...figures, totals, by_channel: {}, recent: [] }} onLoad={load} />);
  expect(screen.getByText("Success rate").nextElementSibling?.textContent).toBe("75%");
  expect(screen.getByText("In the last 30 days")).toBeTruthy();
  const first = { ...totals, send_code: 1, verify_success: 0, verify_failed: 0 };
  const none = { days: 30, success_rate: 0, avg_time_to_complete_seconds: 0 };
  rerender(
    <Summary summary={{ ...none, totals: first, by_channel: {}, recent: [] }} onLoad={load} />,
  );
  for (const name of ["Success rate", "Usual time"]) {
    expect(screen.getByText(name).nextElementSibling?.textContent).toBe("–");
  }
  await expectAccessible();
});
