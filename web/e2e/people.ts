// What a person does on the pages, in their words. Everything is found by its role and name, as a
// screen reader would.

import type { FrameLocator, Page } from "playwright-core";

/** A page, or the frame of one on the stage. */
export type Screen = Page | FrameLocator;

// Whoever acts on a page looks at it. A browser draws a page behind another only once a second.
async function lookAt(screen: Screen): Promise<void> {
  if ("bringToFront" in screen) await screen.bringToFront();
}

/** Waits until the phone is set up, locked and empty or not. */
export async function phoneReady(phone: Screen): Promise<void> {
  await phone.getByRole("button", { name: "Open the app" }).waitFor();
}

/** Waits until the stage's phone is set up and can be switched; gives the stage's two frames. */
export async function stageReady(
  stage: Page,
): Promise<{ login: FrameLocator; phone: FrameLocator }> {
  const phone = stage.frameLocator('iframe[title="Phone"]');
  await phoneReady(phone);
  await stage.getByRole("switch", { name: "Online", disabled: false }).waitFor();
  return { login: stage.frameLocator('iframe[title="Login page"]'), phone };
}

/** Starts a sign-in on the login page. */
export async function beginSignIn(login: Screen): Promise<void> {
  await lookAt(login);
  await login.getByRole("button", { name: /^Continue as / }).click();
}

/** Reads the number that the login page shows. */
export async function matchNumber(login: Screen): Promise<string> {
  return await login.getByLabel(/^Number to type on your phone/).innerText();
}

/** Opens the request on the locked phone. */
export async function openRequest(phone: Screen): Promise<void> {
  await lookAt(phone);
  await phone.getByRole("button", { name: /Sign-in request/ }).click();
  await phone.getByRole("dialog", { name: "Is this you signing in?" }).waitFor();
}

/** Types the number on the phone's keypad. */
export async function typeNumber(phone: Screen, number: string): Promise<void> {
  await lookAt(phone);
  const keypad = phone.getByRole("group", { name: "Keypad" });
  for (const digit of number) {
    await keypad.getByRole("button", { name: digit, exact: true }).click();
  }
}

/** Types the number on the phone's keypad and approves. */
export async function approve(phone: Screen, number: string): Promise<void> {
  await typeNumber(phone, number);
  await phone.getByRole("button", { name: "Approve" }).click();
}

/** Waits until the login page has let the person in. */
export async function signedIn(login: Screen): Promise<void> {
  await lookAt(login);
  await login.getByRole("heading", { name: /^Welcome, / }).waitFor();
}

/** Turns one of the phone's switches. */
export async function turn(
  phone: Page,
  name: "Online" | "Push allowed" | "Signal",
  on: boolean,
): Promise<void> {
  await lookAt(phone);
  const found = phone.getByRole("switch", { name });
  if ((await found.getAttribute("aria-checked")) !== String(on)) await found.click();
}

/** Reads the newest code in the texts on the locked phone. */
export async function codeFromText(phone: Screen): Promise<string> {
  const copy = phone.getByRole("button", { name: /^Copy \d+$/ }).first();
  return (await copy.innerText()).replace(/\D/g, "");
}

/** Types a code on the login page; the last digit sends it. */
export async function typeCode(login: Screen, code: string): Promise<void> {
  await lookAt(login);
  await login.getByRole("textbox", { name: /-digit code$/ }).fill(code);
}

/** Opens the console with an API key. */
export async function openConsole(page: Page, apiKey: string): Promise<void> {
  await lookAt(page);
  await page.getByLabel("API key").fill(apiKey);
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByRole("heading", { name: "Console" }).waitFor();
}

/** The names of all stories of the component, as its page lists them. */
export async function storyNames(page: Page): Promise<string[]> {
  const links = await page.locator(".resend-stories a[href*='story=']").all();
  const names = links.map(async (link) =>
    new URLSearchParams((await link.getAttribute("href")) ?? "").get("story"),
  );
  return (await Promise.all(names)).filter((name) => name !== null);
}

/**
 * Opens one story of the component and waits until it is drawn in full: on a new page, or on one
 * that shows a story already, which then only turns to the next.
 */
export async function openStory(
  on: Page | { open(path: string): Promise<Page> },
  story: string,
  lang = "en",
): Promise<Page> {
  const path = `/login?${new URLSearchParams({ demo: "resend", story, lang })}`;
  const page = "open" in on ? await on.open(path) : on;
  if (page === on) await turnTo(page, path);
  await page.locator(`html[lang="${lang}"] [data-story="${story}"] .nod-resend`).waitFor();
  // The countries come with a file of their own.
  await page.waitForFunction(() =>
    [...document.querySelectorAll("select")].every((list) => list.options.length > 1),
  );
  return page;
}

// A language is read when the page is loaded; a story is followed.
async function turnTo(page: Page, path: string): Promise<void> {
  const lang = (address: string) => new URL(address, page.url()).searchParams.get("lang");
  if (lang(path) !== lang(page.url())) {
    await page.goto(path);
    return;
  }
  await page.evaluate((address) => {
    history.pushState(null, "", address);
    dispatchEvent(new PopStateEvent("popstate"));
  }, path);
}
