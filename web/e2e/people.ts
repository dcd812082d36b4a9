// What a person does on the pages, in their words. Everything is found by its role and name, as a
// screen reader would.

import type { FrameLocator, Page } from "playwright-core";

/** A page, or the frame of one on the stage. */
export type Screen = Page | FrameLocator;

/** Waits until the phone is set up, locked and empty or not. */
export async function phoneReady(phone: Screen): Promise<void> {
  await phone.getByRole("button", { name: "Open the app" }).waitFor();
}

/** Starts a sign-in on the login page. */
export async function beginSignIn(login: Screen): Promise<void> {
  await login.getByRole("button", { name: /^Continue as / }).click();
}

/** Reads the number that the login page shows. */
export async function matchNumber(login: Screen): Promise<string> {
  return await login.getByLabel(/^Number to type on your phone/).innerText();
}

/** Opens the request on the locked phone. */
export async function openRequest(phone: Screen): Promise<void> {
  await phone.getByRole("button", { name: /Sign-in request/ }).click();
  await phone.getByRole("dialog", { name: "Is this you signing in?" }).waitFor();
}

/** Types the number on the phone's keypad and approves. */
export async function approve(phone: Screen, number: string): Promise<void> {
  const keypad = phone.getByRole("group", { name: "Keypad" });
  for (const digit of number) {
    await keypad.getByRole("button", { name: digit, exact: true }).click();
  }
  await phone.getByRole("button", { name: "Approve" }).click();
}

/** Waits until the login page has let the person in. */
export async function signedIn(login: Screen): Promise<void> {
  await login.getByRole("heading", { name: /^Welcome, / }).waitFor();
}

/** Turns one of the phone's switches. */
export async function turn(
  settings: Screen | ReturnType<Screen["getByRole"]>,
  name: "Online" | "Push allowed" | "Signal",
  on: boolean,
): Promise<void> {
  const found = settings.getByRole("switch", { name });
  if ((await found.getAttribute("aria-checked")) !== String(on)) await found.click();
}

/** Reads the newest code in the texts on the locked phone. */
export async function codeFromText(phone: Screen): Promise<string> {
  const copy = phone.getByRole("button", { name: /^Copy \d+$/ }).first();
  return (await copy.innerText()).replace(/\D/g, "");
}

/** Types a code on the login page; the last digit sends it. */
export async function typeCode(login: Screen, code: string): Promise<void> {
  await login.getByRole("textbox", { name: /-digit code$/ }).fill(code);
}
