import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { launchBrowser, picture, type Visit, visit } from "./browser.ts";
import { barriers, tooWide } from "./judge.ts";
import {
  approve,
  beginSignIn,
  codeFromText,
  matchNumber,
  openRequest,
  phoneReady,
  signedIn,
  stageReady,
  turn,
  typeCode,
} from "./people.ts";
import { type RunningServer, startServer, textsOf } from "./server.ts";

let server: RunningServer;
let browser: Browser;
let visitor: Visit;

beforeAll(async () => {
  [server, browser] = await Promise.all([
    startServer({
      NOD_WS_ACK_TIMEOUT: "1s",
      NOD_PUSH_ACK_TIMEOUT: "2s",
      NOD_LIMIT_WRONG_CODES: "2/24h",
      NOD_LIMIT_PROMPTS: "2/10m",
    }),
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
    process.stderr.write(server.said());
  }
  await visitor.close();
});

const loginAndPhone = async (): Promise<{ login: Page; phone: Page }> => {
  visitor = await visit(browser, server.url);
  const phone = await visitor.open("/phone");
  await phoneReady(phone);
  return { login: await visitor.open("/login"), phone };
};

/** What has been sent to the person's number so far. */
const textsTo = async (login: Page): Promise<unknown[]> => {
  const person = await login.evaluate(() => localStorage.getItem("nod.demo.person"));
  return await textsOf(server, JSON.parse(person ?? "{}").phone_number);
};

/** Seconds that the page says are left. */
const secondsLeft = async (login: Page): Promise<number> => {
  const text = await login.getByRole("timer").innerText();
  const [, minutes = "0", seconds = "0"] = /(?:(\d+):)?(\d+)/.exec(text) ?? [];
  return Number(minutes) * 60 + Number(seconds);
};

describe("a person signs in", () => {
  test("on the stage, with the number typed on the phone", async () => {
    visitor = await visit(browser, server.url);
    const stage = await visitor.open("/");
    const { login, phone } = await stageReady(stage);
    await beginSignIn(login);
    const number = await matchNumber(login);
    expect(number).toMatch(/^\d{3}$/);
    await openRequest(phone);
    await picture(stage, "stage-asked");
    await approve(phone, number);
    await signedIn(login);
    const timeline = stage.getByRole("list", { name: "Timeline of this sign-in" });
    expect(await timeline.getByRole("listitem").count()).toBeGreaterThan(3);
    await picture(stage, "stage-done");
    expect(visitor.complaints).toEqual([]);
  });

  test("and is told when another number was typed", async () => {
    const { login, phone } = await loginAndPhone();
    await beginSignIn(login);
    const number = await matchNumber(login);
    await openRequest(phone);
    await approve(phone, number === "000" ? "111" : "000");
    await phone.getByRole("dialog", { name: "That number did not match" }).waitFor();
    await login.getByRole("heading", { name: "That number did not match" }).waitFor();
  });

  test("or refuses on the phone", async () => {
    const { login, phone } = await loginAndPhone();
    await beginSignIn(login);
    await openRequest(phone);
    await phone.getByRole("button", { name: "Deny" }).click();
    await login.getByRole("heading", { name: "You said no" }).waitFor();
  });

  test("after a reload in the middle, with the same countdown and no second message", async () => {
    const { login, phone } = await loginAndPhone();
    await beginSignIn(login);
    const number = await matchNumber(login);
    const before = { left: await secondsLeft(login), at: Date.now() };
    await login.reload();
    expect(await matchNumber(login)).toBe(number);
    const passed = (Date.now() - before.at) / 1000;
    expect(Math.abs(before.left - passed - (await secondsLeft(login)))).toBeLessThanOrEqual(2);
    expect(await textsTo(login)).toEqual([]);
    await openRequest(phone);
    await approve(phone, number);
    await signedIn(login);
  });

  test("although the server was killed and started again meanwhile", async () => {
    const { login, phone } = await loginAndPhone();
    await beginSignIn(login);
    const number = await matchNumber(login);
    await openRequest(phone);
    await server.again();
    await approve(phone, number);
    await signedIn(login);
  });
});

describe("a browser that is to be remembered", () => {
  test("lets its person in without a question, until it is to be forgotten", async () => {
    const { login, phone } = await loginAndPhone();
    await login.getByRole("checkbox", { name: /^Remember this browser/ }).check();
    await beginSignIn(login);
    const number = await matchNumber(login);
    await openRequest(phone);
    await approve(phone, number);
    await signedIn(login);
    const [cookie] = await visitor.context.cookies(`${server.url}/demo/me`);
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict", path: "/demo" });

    await login.getByRole("button", { name: "Sign out" }).click();
    await beginSignIn(login);
    await login.getByText(/Recognised from before/).waitFor();
    await login.getByRole("button", { name: "Forget it" }).click();
    await login.getByRole("button", { name: "Sign out" }).click();
    await beginSignIn(login);
    expect(await matchNumber(login)).toMatch(/^\d{3}$/);
    expect(visitor.complaints).toEqual([]);
  });
});

test("the page speaks the language that is asked for, in its direction", async () => {
  visitor = await visit(browser, server.url, { width: 320, height: 640 });
  const login = await visitor.open("/login?lang=ar-EG");
  await login.locator('html[lang="ar"][dir="rtl"] .login-person strong').waitFor();
  expect(await tooWide(login)).toEqual([]);
  expect(visitor.complaints).toEqual([]);
});

describe("on a network that lets no WebSocket through", () => {
  test.each(["an event stream", "long polls"])("the login page hears of it by %s", async (way) => {
    const { login, phone } = await loginAndPhone();
    await login.routeWebSocket(/\/ws$/, (socket) => socket.close());
    if (way === "long polls") await login.route(/\/events$/, (route) => route.abort());
    await login.reload();
    await beginSignIn(login);
    const number = await matchNumber(login);
    await openRequest(phone);
    const rail = login.getByRole("list", { name: "Ways to reach you" });
    await rail.getByText("Your phone has shown it").waitFor();
    await approve(phone, number);
    await signedIn(login);
  });
});

describe("without the app", () => {
  test("a notification comes first, then a text whose code finishes it", async () => {
    const { login, phone } = await loginAndPhone();
    await turn(phone, "Online", false);
    await beginSignIn(login);
    await phone.getByRole("button", { name: /Sign-in request/ }).waitFor();
    const code = await codeFromText(phone);
    expect(await textsTo(login)).toHaveLength(1);
    await typeCode(login, code);
    await signedIn(login);
  });

  test("the notification alone is enough", async () => {
    const { login, phone } = await loginAndPhone();
    await turn(phone, "Online", false);
    await beginSignIn(login);
    const number = await matchNumber(login);
    await openRequest(phone);
    await approve(phone, number);
    await signedIn(login);
  });

  test("a reload while the code is awaited sends no second text", async () => {
    const { login, phone } = await loginAndPhone();
    await turn(phone, "Online", false);
    await turn(phone, "Push allowed", false);
    await beginSignIn(login);
    const code = await codeFromText(phone);
    await login.reload();
    await login.getByRole("textbox", { name: /-digit code$/ }).waitFor();
    expect(await textsTo(login)).toHaveLength(1);
    await typeCode(login, code);
    await signedIn(login);
  });

  test("a text can be asked for at once; a wrong code says so and costs one try", async () => {
    const { login, phone } = await loginAndPhone();
    await login.getByRole("button", { name: "Text me a code instead" }).click();
    const code = await codeFromText(phone);
    await typeCode(login, code === "000000" ? "111111" : "000000");
    await login
      .getByText("That code is not right. Check the newest message and try again.")
      .waitFor();
    await login.getByText(/2 tries left/).waitFor();
    await typeCode(login, code);
    await signedIn(login);
  });
});

describe("what a limit refuses", () => {
  test("are codes after too many wrong ones, and never the app", async () => {
    const { login, phone } = await loginAndPhone();
    await turn(phone, "Online", false);
    await turn(phone, "Push allowed", false);
    await beginSignIn(login);
    const code = await codeFromText(phone);
    for (const wrong of ["000000", "111111", "222222"].filter((one) => one !== code).slice(0, 2)) {
      await typeCode(login, wrong);
      await login.getByText("That code is not right.").or(paused(login)).first().waitFor();
    }
    await paused(login).waitFor();
    await login.getByText(/You can type a code again in 24 hours\./).waitFor();
    expect(await login.getByRole("textbox").count()).toBe(0);
    expect(await barriers(login)).toEqual([]);
    await turn(phone, "Online", true);
    await openRequest(phone);
    await approve(phone, await matchNumber(login));
    await signedIn(login);
  });

  test("is a request too many: the page says until when, and lets somebody else begin", async () => {
    const { login, phone } = await loginAndPhone();
    const person = () => login.evaluate(() => localStorage.getItem("nod.demo.person"));
    const before = await person();
    await beginSignIn(login);
    for (let request = 1; request <= 2; request++) {
      await matchNumber(login);
      await login.getByRole("button", { name: "Cancel" }).click();
      await login.getByRole("button", { name: "Start again" }).click();
    }
    await login.getByText(/You can try again in 9:\d\d\./).waitFor();
    expect(await barriers(login)).toEqual([]);
    await phone.evaluate(() => document.body.setAttribute("data-before", ""));
    await login.getByRole("button", { name: "Go on as somebody else" }).click();
    await login.getByRole("alert").waitFor({ state: "detached" });
    expect(await person()).not.toBe(before);
    await phone.locator("body:not([data-before])").waitFor(); // it becomes theirs by itself
    await phoneReady(phone);
    await beginSignIn(login);
    await openRequest(phone);
    await approve(phone, await matchNumber(login));
    await signedIn(login);
  });
});

const paused = (login: Page) => login.getByRole("heading", { name: "Codes are paused" });
