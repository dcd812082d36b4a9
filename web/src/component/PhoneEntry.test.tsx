// @vitest-environment jsdom
import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { PhoneEntry } from "./PhoneEntry";
import { expectAccessible } from "./testkit";

let languages = ["en-US"];
beforeEach(() => {
  vi.spyOn(navigator, "languages", "get").mockImplementation(() => languages);
});
afterEach(() => {
  cleanup();
  localStorage.clear();
  languages = ["en-US"];
});

async function draw(more: { initial?: string; error?: string } = {}) {
  const given = vi.fn();
  render(<PhoneEntry sending={false} submit="Send Code" onSubmit={given} {...more} />);
  const country = screen.getByLabelText<HTMLSelectElement>("Country or region");
  await vi.waitFor(() => expect(country.options.length).toBeGreaterThan(200), { timeout: 5000 });
  return { given, country, field: screen.getByLabelText<HTMLInputElement>("Phone number") };
}
const send = () => userEvent.click(screen.getByText("Send Code"));

test("a number is written as its country does and given as E.164", async () => {
  const { given, field, country } = await draw();
  expect(field).toHaveProperty("autocomplete", "tel");
  await userEvent.type(field, "4155550123");
  expect(field.value).toBe("(415) 555-0123");
  expect(country.value).toBe("US");
  await send();
  expect(given.mock.calls).toEqual([["+14155550123"]]);
  await expectAccessible();
});

test("the caret stays where the person edits", async () => {
  const { field } = await draw();
  await userEvent.type(field, "4155550123");
  // After the 1 of (415), a digit is put in and taken out again.
  await userEvent.type(field, "9", { initialSelectionStart: 3, initialSelectionEnd: 3 });
  expect(field.value.replace(/\D/g, "")).toBe("41955550123");
  expect(field.value.slice(0, field.selectionStart ?? 0).replace(/\D/g, "")).toBe("419");
  await userEvent.keyboard("{Backspace}");
  expect(field.value).toBe("(415) 555-0123");
  expect(field.selectionStart).toBe(3);
});

test("Backspace over a bracket takes the digit before it", async () => {
  const { field } = await draw();
  await userEvent.type(field, "415555");
  expect(field.value).toBe("(415) 555");
  await userEvent.type(field, "{Backspace}", { initialSelectionStart: 5, initialSelectionEnd: 5 });
  expect(field.value.replace(/\D/g, "")).toBe("41555");
});

test("a pasted number with + brings its country, which is remembered once it was sent", async () => {
  const { field, country, given } = await draw();
  await userEvent.click(field);
  await userEvent.paste("+49 (151) 2345-6789");
  expect(country.value).toBe("DE");
  await send();
  expect(given.mock.calls).toEqual([["+4915123456789"]]);
  cleanup();
  expect((await draw()).country.value).toBe("DE");
});

test("what somebody else found wrong is said at the number", async () => {
  const { field } = await draw({ error: "We cannot use this number." });
  expect(field.getAttribute("aria-describedby")).toBe(screen.getByRole("alert").id);
  await expectAccessible();
});

test("digits of any script are read", async () => {
  languages = ["hi-IN"];
  const { field, country, given } = await draw();
  expect(country.value).toBe("IN");
  await userEvent.type(field, "०९८७६५४३२१०");
  await send();
  expect(given.mock.calls).toEqual([["+919876543210"]]);
});

test("another country keeps the digits", async () => {
  const { field, country, given } = await draw({ initial: "+14155550123" });
  expect(field.value).toBe("+1 415 555 0123");
  await userEvent.selectOptions(country, "GB");
  await userEvent.clear(field);
  await userEvent.type(field, "07911123456");
  await send();
  expect(given.mock.calls).toEqual([["+447911123456"]]);
});

test.each([
  ["", "Enter your phone number."],
  ["415", "This number is too short. Check that no digit is missing."],
  ["415555012345", "This number is too long. Check for a digit that is too many."],
  ["+999123456", /^This is no phone number in/],
])("%j is not sent: %s", async (typed, words) => {
  const { field, given } = await draw();
  if (typed) await userEvent.type(field, typed);
  await send();
  expect(given).not.toHaveBeenCalled();
  expect(field.getAttribute("aria-invalid")).toBe("true");
  const told = screen.getByRole("alert");
  expect(told.textContent).toMatch(words);
  expect(field.getAttribute("aria-describedby")).toBe(told.id);
  expect(document.activeElement).toBe(field);
  await userEvent.type(field, "5");
  expect(screen.queryByRole("alert")).toBeNull();
});
