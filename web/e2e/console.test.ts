import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { launchBrowser, picture, type Visit, visit } from "./browser.ts";
import { barriers, tooWide } from "./judge.ts";
import { beginSignIn, matchNumber, openConsole, phoneReady } from "./people.ts";
import { type RunningServer, startServer } from "./server.ts";

let server: RunningServer;
let browser: Browser;
let visitor: Visit;

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), launchBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});
afterEach(async ({ task }) => {
  if (task.result?.state === "fail") {
    for (const [index, page] of visitor.context.pages().entries()) {
      await picture(page, `failed-${task.name.replace(/\W+/g, "-")}-${index}`);
    }
    process.stderr.write(server.said());
  }
  await visitor.close();
});

const timeline = (console: Page) =>
  console.getByRole("list", { name: "Timeline of the verification" });

/** What the keyboard is at, as a screen reader would name it. */
const focused = (page: Page) =>
  page.evaluate(() => {
    const { ariaLabel, textContent } = document.activeElement as HTMLElement;
    return ariaLabel ?? textContent;
  });

/** Presses Tab until the focus is on something of this name. */
const tabTo = async (page: Page, name: string) => {
  for (let times = 0; (await focused(page)) !== name; times++) {
    if (times > 20) throw new Error(`Tab does not lead to ${name}`);
    await page.keyboard.press("Tab");
  }
};

/** Does one of the timeline's acts by keys alone, through its dialog. */
const act = async (console: Page, name: string, go: string) => {
  await console.bringToFront();
  await console.keyboard.press("t");
  await tabTo(console, name);
  await confirm(console, go);
};

/** Presses Enter where the focus is, and answers the dialog that this opens. */
const confirm = async (console: Page, go: string) => {
  await console.keyboard.press("Enter");
  await console.getByRole("dialog").waitFor();
  await tabTo(console, go);
  await console.keyboard.press("Enter");
  await console.getByRole("dialog").waitFor({ state: "hidden" });
};

test("an operator sees a sign-in live, finds it again and acts on it, by keys alone", async () => {
  visitor = await visit(browser, server.url);
  const [phone, console] = await Promise.all([visitor.open("/phone"), visitor.open("/console")]);
  await phoneReady(phone);
  // Only now is the person known whose phone it is.
  const login = await visitor.open("/login");
  await openConsole(console, server.apiKey);
  await beginSignIn(login);
  await matchNumber(login);

  await console.bringToFront();
  await console.getByRole("region", { name: "Verifications" }).getByText("pending").waitFor();
  await console.keyboard.press("j");
  await console.keyboard.press("Enter");
  await timeline(console).getByText("The phone confirmed it").waitFor();
  await console.keyboard.press("t");
  await tabTo(console, "Block person");
  await console.keyboard.press("Enter");
  await console.getByRole("dialog", { name: "Block this person?" }).waitFor();
  expect(await focused(console)).toBe("Do not block");
  await console.keyboard.press("Escape");
  await console.getByRole("dialog").waitFor({ state: "hidden" });
  expect(await focused(console)).toBe("Block person");

  await act(console, "Cancel it", "Cancel it now");
  await console.getByText("This sign-in is canceled.").waitFor();
  await timeline(console).getByText("An operator canceled it").waitFor();
  expect(await focused(console)).not.toBe(await console.innerText("body"));
  await login.getByRole("heading", { name: "Sign-in canceled" }).waitFor();
  const id = await console.locator(".trail-id").innerText();

  await login.bringToFront();
  await login.getByRole("button", { name: "Start again" }).click();
  await matchNumber(login);
  const person = await login.evaluate(() => localStorage.getItem("nod.demo.person"));
  const number: string = JSON.parse(person ?? "").phone_number;
  await console.bringToFront();
  await console.keyboard.press("/");
  await console.keyboard.insertText(number);
  await console.keyboard.press("Enter");
  await console.getByRole("option").nth(1).waitFor();
  await console.keyboard.press("Enter");
  await timeline(console).getByText("canceled").waitFor({ state: "detached" });
  await console.keyboard.press("/");
  await console.keyboard.insertText(id);
  await console.keyboard.press("Enter");
  await timeline(console).getByText("An operator canceled it").waitFor();
  const kept = await console.evaluate(() => JSON.stringify({ ...sessionStorage }) + location.href);
  expect(kept).not.toContain(number.slice(1));

  await act(console, "Block person", "Block them");
  await timeline(console).getByText("An operator blocked the person").waitFor();
  await login.getByRole("heading", { name: "Sign-in canceled" }).waitFor();
  await login.bringToFront();
  await login.getByRole("button", { name: "Start again" }).click();
  await login.getByText("This was held back").waitFor();
  await act(console, "Unlock person", "Unlock them");
  await beginSignIn(login);
  await matchNumber(login);

  await console.bringToFront();
  const acts = console.getByRole("list", { name: "What operators did" });
  await acts.getByText("Unlocked a person").waitFor();
  expect(await acts.getByRole("listitem").allInnerTexts()).toEqual([
    expect.stringMatching(/Unlocked a person\s+console [0-9a-f]{8}/),
    expect.stringMatching(/Blocked a person\s+console [0-9a-f]{8}/),
    expect.stringMatching(/Canceled a verification\s+console [0-9a-f]{8}/),
  ]);

  await console.keyboard.press("b");
  await console.keyboard.press("ArrowRight");
  await console.keyboard.press("ArrowRight");
  await console.keyboard.press("Tab");
  await console.keyboard.type("lv");
  await confirm(console, "Block it");
  const blocked = console.getByRole("list", { name: "What is blocked" });
  await blocked.getByText("Latvia (LV)").waitFor();
  await tabTo(console, "Lift the block of Latvia (LV)");
  await confirm(console, "Lift it");
  await blocked.waitFor({ state: "detached" });
  expect(await focused(console)).toBe("Blocks");
  await acts.getByText(/^Lifted the block of country\sLV$/).waitFor();
  // The one refusal that is due: the browser notes every 403.
  expect(visitor.complaints.filter((text) => !text.includes("403"))).toEqual([]);
});

test("one who comes later sees what was before; nothing bars the way, in light and dark, on a small screen", async () => {
  const asked = { kind: "prefix", value: "+37120" };
  await fetch(`${server.url}/api/v1/blocks`, {
    method: "POST",
    headers: { authorization: `Bearer ${server.apiKey}`, "content-type": "application/json" },
    body: JSON.stringify(asked),
  });
  visitor = await visit(browser, server.url, { width: 360, height: 740 });
  const console = await visitor.open("/console");
  await openConsole(console, server.apiKey);
  await console.getByRole("region", { name: "Verifications" }).getByRole("button").first().click();
  await timeline(console).waitFor();
  await console.getByRole("button", { name: "Lift the block of prefix +37120" }).waitFor();
  await console.getByRole("button", { name: "Block", exact: true }).click();
  await console.getByText(/^Write the whole number with \+/).waitFor();
  expect(await barriers(console)).toEqual([]);
  expect(await tooWide(console)).toEqual([]);
  await console.getByRole("button", { name: "Block person" }).click();
  await console.getByRole("dialog").waitFor();
  expect(await barriers(console)).toEqual([]);
  expect(await tooWide(console)).toEqual([]);
  await console.emulateMedia({ colorScheme: "dark" });
  expect(await barriers(console, ["color-contrast"])).toEqual([]);
  await console.keyboard.press("Escape");
  expect(await barriers(console, ["color-contrast"])).toEqual([]);
  expect(visitor.complaints).toEqual([]);
});
