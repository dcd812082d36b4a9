// @vitest-environment jsdom
import { act, cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { afterEach, expect, test, vi } from "vitest";
import { Announcer } from "./Announcer";
import { Button } from "./Button";
import { CodeField } from "./CodeField";
import { CountdownRing } from "./CountdownRing";
import { Keypad } from "./Keypad";
import { Notice } from "./Notice";
import { Rail } from "./Rail";
import { Skeleton } from "./Skeleton";
import { Switch } from "./Switch";
import { Timeline } from "./Timeline";
import { expectAccessible } from "./testkit";
import { timelineLines } from "./timeline";

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

function Code({ onComplete }: { onComplete: (digits: string) => void }) {
  const [value, setValue] = useState("");
  return (
    <>
      <CodeField
        label="6-digit code"
        length={6}
        value={value}
        onChange={setValue}
        onComplete={onComplete}
        hint="3 tries left"
        error={value === "" ? "Nothing yet" : undefined}
      />
      <Keypad value={value} length={6} onChange={setValue} />
    </>
  );
}

test("a code can be pasted with spaces and is complete once", async () => {
  const complete = vi.fn();
  render(<Code onComplete={complete} />);
  const field = screen.getByRole("textbox", { name: "6-digit code" });
  expect(field).toHaveProperty("autocomplete", "one-time-code");
  await userEvent.click(field);
  await userEvent.paste("123 456");
  expect(field).toHaveProperty("value", "123456");
  expect(complete.mock.calls).toEqual([["123456"]]);
});

test("a code can be typed by keyboard and on the keypad, and erased", async () => {
  render(<Code onComplete={vi.fn()} />);
  const field = screen.getByRole("textbox", { name: "6-digit code" });
  await userEvent.type(field, "4x2");
  await userEvent.click(screen.getByRole("button", { name: "7" }));
  expect(field).toHaveProperty("value", "427");
  await userEvent.click(screen.getByRole("button", { name: "Erase last digit" }));
  expect(field).toHaveProperty("value", "42");
});

test("the field tells its error and hint to screen readers", async () => {
  render(<Code onComplete={vi.fn()} />);
  const field = screen.getByRole("textbox", { name: "6-digit code" });
  const told = (field.getAttribute("aria-describedby") ?? "")
    .split(" ")
    .map((id) => document.getElementById(id)?.textContent);
  expect(told).toEqual(["Nothing yet", "3 tries left"]);
  expect(field.getAttribute("aria-invalid")).toBe("true");
  await expectAccessible();
});

test("the ring counts down to an absolute end on the clock it is given", async () => {
  vi.useFakeTimers({ now: 0 });
  const serverNow = () => Date.now() + 5_000;
  render(
    <CountdownRing endsAt={20_000} total={15} now={serverNow}>
      <b>042</b>
    </CountdownRing>,
  );
  expect(screen.getByRole("timer").textContent).toBe("15 s left");
  await act(() => vi.advanceTimersByTimeAsync(5_010));
  expect(screen.getByRole("timer").textContent).toBe("10 s left");
  await act(() => vi.advanceTimersByTimeAsync(60_000));
  expect(screen.getByRole("timer").textContent).toBe("Time is up");
  expect(vi.getTimerCount()).toBe(0);
});

test("a switch says what it is and turns by keyboard", async () => {
  const change = vi.fn();
  render(<Switch label="Online" hint="Connected" icon="online" on onChange={change} />);
  const online = screen.getByRole("switch", { name: "Online" });
  expect(online.getAttribute("aria-checked")).toBe("true");
  online.focus();
  await userEvent.keyboard(" ");
  expect(change).toHaveBeenCalledWith(false);
  await expectAccessible();
});

test("a busy button says so and cannot be pressed twice", async () => {
  const press = vi.fn();
  render(
    <Button tone="accent" busy onClick={press}>
      Approve
    </Button>,
  );
  await userEvent.click(screen.getByRole("button", { name: "Approve" }));
  expect(press).not.toHaveBeenCalled();
});

test("the rest of the pieces are sound for screen readers", async () => {
  render(
    <>
      <Rail steps={[{ kind: "app", state: "active", sentence: "Your phone has shown it" }]} />
      <Timeline
        label="Timeline"
        lines={timelineLines([
          { seq: 1, name: "verification.created", at: "2026-05-04T10:00:00.000Z" },
        ])}
      />
      <Notice tone="problem" icon="warning" title="No connection" action={<Button>Again</Button>}>
        Nothing was sent.
      </Notice>
      <Skeleton lines={2} />
      <Announcer polite="Asking your phone" assertive="" />
    </>,
  );
  expect(screen.getByRole("alert").textContent).toContain("No connection");
  const ways = screen.getByRole("list", { name: "Ways to reach you" });
  const words = [...ways.querySelectorAll(".nod-rail-words > span")];
  expect(words.map((part) => part.textContent)).toEqual([
    "App",
    "under way",
    "Your phone has shown it",
  ]);
  await expectAccessible();
});
