// Makes the pictures of the four pages: light and dark, wide and narrow. `npm run screenshots`
// after a build (the console's month needs Go as well); they lie under screenshots/ and are for
// people to look at. The stage and the console at their best moment and the component in three
// states go into the repository, for the README.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, test } from "vitest";
import { launchBrowser, picture, visit } from "./browser.ts";
import {
  beginSignIn,
  codeFromText,
  matchNumber,
  openConsole,
  openRequest,
  openStory,
  phoneReady,
  signedIn,
  stageReady,
  turn,
  typeCode,
  typeNumber,
} from "./people.ts";
import { type RunningProviders, startProviders } from "./providers.ts";
import { type RunningServer, startServer } from "./server.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const STAGE_PICTURE = fileURLToPath(new URL("../stage.png", import.meta.url));
const RESEND_PICTURE = fileURLToPath(new URL("../resend.png", import.meta.url));
const CONSOLE_PICTURE = fileURLToPath(new URL("../console.png", import.meta.url));

let server: RunningServer;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([
    startServer({ NOD_WS_ACK_TIMEOUT: "2s", NOD_PUSH_ACK_TIMEOUT: "2s" }),
    launchBrowser(),
  ]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

const approveOn = (phone: Parameters<typeof phoneReady>[0]) =>
  phone.getByRole("button", { name: "Approve" }).click();

test("the stage at its best moment", async () => {
  const visitor = await visit(browser, server.url, { width: 1320, height: 900 });
  const stage = await visitor.open("/");
  const { login, phone } = await stageReady(stage);
  await beginSignIn(login);
  const number = await matchNumber(login);
  await openRequest(phone);
  await typeNumber(phone, number);
  const steps = stage.getByRole("list", { name: "Timeline of this sign-in" });
  await steps.getByText("The phone has shown it").waitFor();
  await stage.mouse.move(0, 0);
  const end = await steps.boundingBox();
  const height = Math.ceil((end?.y ?? 0) + (end?.height ?? 0)) + 12;
  await stage.screenshot({ path: STAGE_PICTURE, clip: { x: 0, y: 0, width: 1320, height } });
  await visitor.close();
});

test("the component three times", async () => {
  const visitor = await visit(browser, server.url, { width: 425, height: 900 });
  const page = await openStory(visitor, "entry");
  await page.bringToFront();
  // In the middle of the screen a part may begin between two pixels.
  await page.locator(".resend").evaluate((it) => {
    it.style.alignContent = "start";
  });
  const pictures: string[] = [];
  for (const story of ["entry", "sent", "final"]) {
    await openStory(page, story);
    const drawn = await page.locator(".nod-resend").screenshot({ animations: "disabled" });
    pictures.push(`<img alt="" src="data:image/png;base64,${drawn.toString("base64")}">`);
  }
  const paper = await page.evaluate(
    () => getComputedStyle(document.documentElement).backgroundColor,
  );
  const board = await browser.newPage({ viewport: { width: 1269, height: 100 } });
  const row = "display: flex; justify-content: space-between; align-items: start";
  await board.setContent(
    `<!doctype html><body style="${row}; margin: 24px; background: ${paper}">${pictures.join("")}`,
  );
  await board.screenshot({ path: RESEND_PICTURE, fullPage: true });
  await board.close();
  await visitor.close();
});

describe.each([
  { size: "wide", width: 1440, height: 900 },
  { size: "narrow", width: 360, height: 740 },
])("$size", ({ size, width, height }) => {
  test.each(["light", "dark"])("%s", async (colours) => {
    const visitor = await visit(browser, server.url, { width, height, dark: colours === "dark" });
    const take = (page: Page, name: string) => picture(page, `${name}-${size}-${colours}`);

    const stage = await visitor.open("/");
    const frames = await stageReady(stage);
    await take(stage, "stage-start");
    await beginSignIn(frames.login);
    const shown = await matchNumber(frames.login);
    await frames.phone.getByRole("button", { name: /Sign-in request/ }).waitFor();
    await take(stage, "stage-waiting");
    await openRequest(frames.phone);
    await typeNumber(frames.phone, shown);
    await take(stage, "stage-asked");
    await approveOn(frames.phone);
    await signedIn(frames.login);
    await take(stage, "stage-done");
    await stage.close();

    const phone = await visitor.open("/phone");
    await phoneReady(phone);
    await take(phone, "phone-locked");
    const login = await visitor.open("/login");
    await login.getByRole("button", { name: "Sign out" }).or(login.getByText("Continue")).waitFor();
    await take(login, "login-start");
    await beginSignIn(login);
    const number = await matchNumber(login);
    await take(login, "login-asked");
    await phone.bringToFront();
    await phone.getByRole("button", { name: /Sign-in request/ }).waitFor();
    await take(phone, "phone-asked");
    await openRequest(phone);
    await take(phone, "phone-request");
    await typeNumber(phone, number);
    await approveOn(phone);
    await phone.getByRole("dialog", { name: "Approved" }).waitFor();
    await take(phone, "phone-done");
    await phone.getByRole("button", { name: "Done" }).click();
    await signedIn(login);
    await take(login, "login-done");

    await login.getByRole("button", { name: "Sign out" }).click();
    await beginSignIn(login);
    await openRequest(phone);
    await typeNumber(phone, (await matchNumber(login)) === "000" ? "111" : "000");
    await approveOn(phone);
    await phone.getByRole("dialog", { name: "That number did not match" }).waitFor();
    await take(phone, "phone-wrong");
    await login.bringToFront();
    await login.getByRole("heading", { name: "That number did not match" }).waitFor();
    await take(login, "login-wrong");

    await phone.bringToFront();
    await phone.getByRole("button", { name: "Done" }).click();
    if (size === "wide") {
      await turn(phone, "Online", false);
      await login.bringToFront();
      await login.getByRole("button", { name: "Start again" }).click();
      const code = await codeFromText(phone);
      await phone.bringToFront();
      await take(phone, "phone-offline");
      await login.bringToFront();
      await take(login, "login-code");
      await typeCode(login, code === "000000" ? "111111" : "000000");
      await login
        .getByText("That code is not right. Check the newest message and try again.")
        .waitFor();
      await take(login, "login-code-wrong");
    }

    await visitor.close();
  });
});

/** People who sign in by SMS one after the other, a second and a half apart: one in ten leaves. */
async function crowd(server: RunningProviders, people: number): Promise<void> {
  const post = async (path: string, body: object, headers: Record<string, string>) => {
    const type = { "content-type": "application/json" };
    const options = {
      method: "POST",
      headers: { ...headers, ...type },
      body: JSON.stringify(body),
    };
    return (await fetch(`${server.url}/api/v1/verifications${path}`, options)).json();
  };
  const countries = ["+4915112", "+5511987", "+1415555", "+351912", "+919876"];
  const signIn = async (person: number) => {
    const start = countries[person % countries.length] ?? "";
    const number = start + String(1234 + person * 37).padStart(start.startsWith("+1") ? 4 : 6, "0");
    const context = { app: "Example Bank", ip: `203.0.113.${person}` };
    const asked = { user_id: `crowd-${person}`, phone_number: number, context };
    const opened = await post("", asked, { authorization: `Bearer ${server.apiKey}` });
    await pause(2000 + (person % 7) * 700);
    const { accepted } = await server.about(number);
    const code = /\b\d{6}\b/.exec(accepted[0]?.text ?? "")?.[0];
    if (person % 10 === 5 || !code) return;
    const path = `/${opened.verification_id}/check`;
    await post(path, { code }, { "nod-client-secret": opened.client_secret });
  };
  const all = Array.from({ length: people }, async (_, person) => {
    await pause(person * 1500);
    await signIn(person);
  });
  await Promise.all(all);
}

// The console with a month behind it, played as `make month` plays it, and with something to advise.
describe("the console", () => {
  let month: RunningProviders;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "nod-month-"));
    const database = `sqlite:${join(folder, "month.db")}`;
    const program = ["run", "./cmd/traffic", "-database", database, "-plant", "step,slow"];
    const go = promisify(execFile);
    await go("go", ["build", "-o", "bin/providers", "./cmd/providers"], { cwd: ROOT });
    await go("go", program, { cwd: ROOT });
    month = await startProviders(["fcm", "twilio", "vonage", "webhook"], {
      NOD_DATABASE_URL: database,
    });
  }, 300_000);
  afterAll(async () => {
    await month?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  test("at its best", async () => {
    const visitor = await visit(browser, month.url, { width: 1440, height: 900 });
    const stage = await visitor.open("/");
    const { login, phone } = await stageReady(stage);
    const console = await visitor.open("/console");
    await openConsole(console, month.apiKey);
    const signIn = async (wrong = false) => {
      await stage.bringToFront();
      await beginSignIn(login);
      const number = await matchNumber(login);
      await openRequest(phone);
      await typeNumber(phone, wrong ? String(999 - Number(number)).padStart(3, "0") : number);
      await approveOn(phone);
    };
    const crowded = crowd(month, 60);
    await signIn();
    await signedIn(login);
    await login.getByRole("button", { name: "Sign out" }).click();
    await signIn(true);
    await login.getByRole("heading", { name: "That number did not match" }).waitFor();
    await console.bringToFront();
    await pause(75_000);
    const list = console.getByRole("region", { name: "Verifications" });
    await list
      .getByRole("button", { name: /approved/ })
      .nth(2)
      .click();
    await console.getByRole("list", { name: "Timeline of the verification" }).waitFor();
    const last = await console.getByRole("region", { name: "Funnel" }).boundingBox();
    const height = Math.ceil((last?.y ?? 0) + (last?.height ?? 0)) + 10;
    await console.setViewportSize({ width: 1440, height });
    await console.mouse.move(0, 0);
    await console.screenshot({ path: CONSOLE_PICTURE, animations: "disabled" });
    await crowded;
    await visitor.close();
  });

  test.each([
    [1440, "light"],
    [1440, "dark"],
    [360, "light"],
    [360, "dark"],
  ] as const)("%i px wide, %s", async (width, colours) => {
    const height = width > 720 ? 900 : 740;
    const visitor = await visit(browser, month.url, { width, height, dark: colours === "dark" });
    const take = (page: Page, name: string, whole = false) =>
      picture(page, `${name}-${width > 720 ? "wide" : "narrow"}-${colours}`, whole);
    const { login, phone } = await stageReady(await visitor.open("/"));
    await beginSignIn(login);
    const number = await matchNumber(login);
    await openRequest(phone);
    await typeNumber(phone, number);
    await approveOn(phone);
    await signedIn(login);
    await login.getByRole("button", { name: "Sign out" }).click();
    await beginSignIn(login);
    await matchNumber(login);

    const console = await visitor.open("/console");
    await console.getByRole("main").waitFor();
    await take(console, "console-key");
    await openConsole(console, month.apiKey);
    const rows = console.getByRole("region", { name: "Verifications" }).getByRole("button");
    await rows.nth(1).click();
    await console.getByRole("list", { name: "Timeline of the verification" }).waitFor();
    const advice = console.getByRole("region", { name: "Recommendations" }).getByRole("article");
    await advice.first().waitFor();
    await take(console, "console");
    await take(console, "console-whole", true);
    await rows.first().click();
    await console.getByRole("button", { name: "Block person" }).click();
    await take(console, "console-block");
    await console.keyboard.press("Escape");
    await console.keyboard.press("?");
    await console.getByRole("dialog", { name: "Keys" }).waitFor();
    await take(console, "console-keys");
    await console.keyboard.press("Escape");
    const person = await login.locator("body").evaluate(() => localStorage["nod.demo.person"]);
    await console.keyboard.press("/");
    await console.keyboard.insertText(JSON.parse(person).phone_number);
    await console.keyboard.press("Enter");
    await console.getByRole("option").first().waitFor();
    await take(console, "console-search");
    await console.keyboard.press("Enter");
    await console.getByRole("button", { name: "Cancel it" }).click();
    await console.getByRole("button", { name: "Cancel it now" }).click();
    await console.getByText("An operator canceled it").waitFor();
    await take(console, "console-canceled", true);
    await visitor.close();
  });
});

// Enough of the component's states to see each of its parts, in scripts that are drawn differently.
describe.each([320, 768, 1280])("the component, %i px wide", (width) => {
  test.each(["light", "dark"])("%s", async (colours) => {
    const visitor = await visit(browser, server.url, { width, dark: colours === "dark" });
    const page = await openStory(visitor, "entry");
    for (const lang of ["de", "hi", "zh-Hans", "ar"]) {
      for (const story of [
        "entry",
        "sent",
        "wrong",
        "final",
        "change",
        "locked",
        "approved",
        "history",
      ]) {
        await openStory(page, story, lang);
        await picture(page, `resend-${story}-${lang}-${width}-${colours}`, true);
      }
    }
    await visitor.close();
  });
});
