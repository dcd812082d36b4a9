// The component that proves a number: at work on the demo's page, and each of its states by itself.

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { launchBrowser, picture, type Visit, visit } from "./browser.ts";
import { barriers, tooWide } from "./judge.ts";
import { openStory, storyNames } from "./people.ts";
import { type RunningServer, startServer, textsOf } from "./server.ts";

let server: RunningServer;
let browser: Browser;
let visitor: Visit;

beforeAll(async () => {
  [server, browser] = await Promise.all([
    startServer({ NOD_RESEND_DELAYS: "2s,2s,2s" }),
    launchBrowser(),
  ]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});
afterEach(async ({ task }) => {
  if (task.result?.state === "fail") {
    const pages = visitor.context.pages();
    for (const [index, page] of pages.entries()) {
      await picture(page, `failed-${task.name.replace(/\W+/g, "-")}-${index}`);
    }
  }
  await visitor.close();
});

const button = (page: Page, name: string | RegExp) => page.getByRole("button", { name });
const codeField = (page: Page) => page.getByRole("textbox", { name: /-digit code$/ });

/** The code of the n-th SMS to a number, once it is there. */
const codeTo = async (number: string, n: number): Promise<string> => {
  const texts = await vi.waitUntil(
    async () => {
      const all = await textsOf(server, number);
      return all.length >= n && all;
    },
    { timeout: 10_000 },
  );
  expect(texts).toHaveLength(n);
  return texts[n - 1]?.code ?? "";
};

describe("a person proves a number", () => {
  test("with a wrong code, other codes, a reload and another number on the way", async () => {
    visitor = await visit(browser, server.url);
    const page = await visitor.open("/login?demo=resend");
    const number = page.getByRole("textbox", { name: "Phone number" });
    await number.fill("+1 415 555 0142");
    await button(page, "Send Code").click();
    const first = await codeTo("+14155550142", 1);

    await codeField(page).fill(first === "000000" ? "111111" : "000000");
    await page.getByText("That code is not right.").first().waitFor();
    await page
      .getByText(/2 tries left/)
      .first()
      .waitFor();
    await button(page, "Resend Code (0/3)").click();
    await codeTo("+14155550142", 2);

    await page.reload();
    await codeField(page).waitFor();
    await button(page, "Resend Code (1/3)").click();
    await codeTo("+14155550142", 3);
    await page
      .getByText("Final verification code sent.")
      .or(page.getByText("Another verification code has been sent."))
      .first()
      .waitFor();

    await button(page, "Change it").click();
    const dialog = page.getByRole("dialog", { name: "Use another number" });
    await dialog.getByRole("textbox", { name: "Phone number" }).fill("+1 415 555 0143");
    await dialog.getByRole("button", { name: "Send Code" }).click();
    await dialog.waitFor({ state: "hidden" }); // before that the page may still ask for the old number's code
    await codeField(page).fill(await codeTo("+14155550143", 1));
    await page.getByRole("heading", { name: "Number confirmed" }).waitFor();
    await page.getByText("knows +14155550143 now").waitFor();
    expect(visitor.complaints).toEqual([]);
  });

  test("with the keyboard alone", async () => {
    visitor = await visit(browser, server.url);
    const page = await visitor.open("/login?demo=resend");
    const number = page.getByRole("textbox", { name: "Phone number" });
    await number.waitFor();
    await tabTo(page, "Phone number");
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type("+14155550144");
    await page.keyboard.press("Enter");
    await codeField(page).waitFor();
    await page.keyboard.type(await codeTo("+14155550144", 1)); // the field has the focus
    await page.getByRole("heading", { name: "Number confirmed" }).waitFor();
  });

  test("or leaves the dialog for another number with Esc, back where they were", async () => {
    visitor = await visit(browser, server.url);
    const page = await openStory(visitor, "final");
    await tabTo(page, "Change it");
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "Use another number" });
    await dialog.waitFor();
    // However often one goes on, nothing behind the dialog is reached.
    for (let presses = 0; presses < 8; presses++) {
      const outside = await dialog.evaluate(
        (it) => document.activeElement !== document.body && !it.contains(document.activeElement),
      );
      expect(outside).toBe(false);
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    expect(await focused(page)).toBe("Change it");
  });
});

/** What an element that has the focus is called. */
const focused = (page: Page) =>
  page.evaluate(() => {
    const it = document.activeElement as HTMLInputElement | null;
    return (it?.labels?.[0] ?? it)?.textContent ?? "";
  });

const tabTo = async (page: Page, name: string) => {
  for (let presses = 0; presses < 30 && (await focused(page)) !== name; presses++) {
    await page.keyboard.press("Tab");
  }
  expect(await focused(page)).toBe(name);
};

// What a screen reader meets is the same in every language and look: it is judged once, the colours
// twice, and the measures everywhere.
describe("each state by itself", () => {
  test.each([
    { lang: "de", dark: false, judge: (page: Page) => barriers(page) },
    { lang: "ar", dark: true, judge: (page: Page) => barriers(page, ["color-contrast"]) },
    { lang: "hi", dark: false, judge: async () => [] },
    { lang: "zh-Hans", dark: false, judge: async () => [] },
  ])("in $lang has no barrier and fits the smallest screen", async ({ lang, dark, judge }) => {
    visitor = await visit(browser, server.url, { width: 320, height: 640, dark });
    const page = await openStory(visitor, "entry", lang);
    const faults: string[] = [];
    for (const name of await storyNames(page)) {
      await openStory(page, name, lang);
      const found = [...(await tooWide(page)), ...(await judge(page))];
      faults.push(...found.map((fault) => `${name}: ${fault}`));
    }
    expect(faults).toEqual([]);
    expect(visitor.complaints).toEqual([]);
  });

  test("waits by a clock that stands", async () => {
    visitor = await visit(browser, server.url);
    const page = await openStory(visitor, "sent");
    await button(page, "Resend in 0:42").waitFor();
  });

  test("stands still for who wants no motion, and only for them", async () => {
    visitor = await visit(browser, server.url);
    const page = await openStory(visitor, "approved");
    const moving = () =>
      page.evaluate(
        () =>
          document
            .getAnimations()
            .filter(({ effect }) => Number(effect?.getComputedTiming().duration) > 1).length,
      );
    for (const name of ["loading", "retrying", "sent", "approved"]) {
      await openStory(page, name);
      expect(await moving(), name).toBe(0);
    }
    await page.emulateMedia({ reducedMotion: "no-preference" });
    await openStory(page, "retrying");
    expect(await moving()).toBeGreaterThan(0);
  });
});
