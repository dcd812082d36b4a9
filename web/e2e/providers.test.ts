import { randomBytes } from "node:crypto";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Rest, Verification } from "../src/sdk/index.ts";
import { launchBrowser, picture, type Visit, visit } from "./browser.ts";
import { barriers } from "./judge.ts";
import { approve, beginSignIn, matchNumber, signedIn, stageReady, typeCode } from "./people.ts";
import { DeafPhone, type RunningProviders, startProviders } from "./providers.ts";

let providers: RunningProviders;
let browser: Browser;
let visitor: Visit;
let phone: DeafPhone | undefined;

beforeAll(async () => {
  [providers, browser] = await Promise.all([
    startProviders(["fcm", "twilio", "webhook"], {
      NOD_WS_ACK_TIMEOUT: "1s",
      NOD_PUSH_ACK_TIMEOUT: "2s",
    }),
    launchBrowser(),
  ]);
});
afterAll(async () => {
  await browser?.close();
  await providers?.stop();
});
afterEach(async ({ task }) => {
  if (task.result?.state === "fail") {
    for (const [index, page] of visitor.context.pages().entries()) {
      await picture(page, `failed-${task.name.replace(/\W+/g, "-")}-${index}`);
    }
    process.stderr.write(providers.said());
  }
  phone?.dispose();
  await visitor.close();
});

/** The demo's login page, and who would sign in there. */
async function loginPage() {
  visitor = await visit(browser, providers.url);
  const login = await visitor.open("/login");
  await login.getByRole("button", { name: /^Continue as / }).waitFor();
  const person = await login.evaluate(() => localStorage.getItem("nod.demo.person"));
  const { demo_token, phone_number } = JSON.parse(person ?? "{}") as Record<string, string>;
  return { login, demoToken: demo_token ?? "", number: phone_number ?? "" };
}

const step = (login: Page, words: string) =>
  login.getByRole("list", { name: "Ways to reach you" }).getByText(words).waitFor();

/** How far the deliveries of the sign-in on the page have come, also once it is over. */
async function follow(login: Page): Promise<() => Promise<string[]>> {
  const open = await login.evaluate(() => sessionStorage.getItem("nod.login.open"));
  const { verification_id, client_secret } = JSON.parse(open ?? "{}");
  const rest = new Rest({ baseUrl: providers.url });
  const verification = new Verification(rest, verification_id, client_secret);
  return async () =>
    ((await verification.read()).deliveries ?? []).map((one) => `${one.channel} ${one.state}`);
}

/** A person of the demo who asks for codes by SMS; the bank does it for them. */
async function somebody() {
  const ask = (path: string, body: object, headers = {}) =>
    new Rest({ baseUrl: providers.url }).call<Record<string, string>>("POST", path, {
      body,
      headers,
    });
  const { demo_token, phone_number = "" } = await ask("/demo/people", {});
  const headers = { authorization: `Demo ${demo_token}` };
  const text = () => ask("/demo/sign-ins", { channel: "sms" }, headers);
  return { number: phone_number, text };
}

/** Fills the form of the providers' page as somebody without a mouse. */
async function answerSo(page: Page, to: string, answer: string): Promise<void> {
  await page.getByRole("combobox", { name: "Provider" }).focus();
  await page.keyboard.type("twilio");
  await page.keyboard.press("Tab");
  await page.keyboard.type(to);
  await page.keyboard.press("Tab");
  await page.keyboard.type(answer);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
}

describe("over the providers' own clients", () => {
  test("a phone that hears nothing is asked by FCM, and a code from Twilio ends it", async () => {
    const { login, demoToken, number } = await loginPage();
    const token = randomBytes(32).toString("base64url");
    const late = { state: "delivered", delay: 2_000_000_000 };
    await providers.script("twilio", number, { receipts: [late] });
    phone = await DeafPhone.enroll(providers.url, demoToken, token);
    await beginSignIn(login);
    await step(login, "Asking your phone");
    await step(login, "Notification sent, open it on your phone");
    await step(login, "No answer yet, sending an SMS in");
    await login.getByRole("textbox", { name: "6-digit code" }).waitFor();
    await login.getByText("The SMS went to Twilio.").waitFor();
    const deliveries = await follow(login);
    await picture(login, "providers-code");

    const { accepted: pushes } = await providers.about(token);
    expect(pushes.map(({ provider }) => provider)).toEqual(["fcm"]);
    expect(pushes[0]?.fields).toMatchObject({ type: "prompt", priority: "high" });
    const { accepted: texts, requests } = await providers.about(number);
    expect(requests).toMatchObject({ twilio: 1 });
    const [, code = ""] = /^(\d{6}) is your code/.exec(texts[0]?.text ?? "") ?? [];
    const words = "is your code to sign in to Nod Demo Bank: your app did not get the request.";
    expect(texts.map(({ text }) => text)).toEqual([
      `${code} ${words} Never share it.\n\n@127.0.0.1 #${code}`,
    ]);

    await typeCode(login, code);
    await signedIn(login);
    await login.getByText(/^You are signed in\. Confirmed by the code from your SMS/).waitFor();
    await expect.poll(deliveries, { timeout: 15_000 }).toContain("sms delivered");
    expect((await providers.about(number)).objections).toEqual([]);
    expect(visitor.complaints).toEqual([]);
  });

  test("an SMS that Twilio may have lost can be sent again at once, and only by the person", async () => {
    const { login, number } = await loginPage();
    await providers.script("twilio", number, { status: 500 }, {});
    await login.getByRole("button", { name: "Text me a code instead" }).click();
    await step(login, "We cannot tell if it left, you may send it again");
    await login.getByText("We tried to send it by SMS").waitFor();
    expect((await providers.about(number)).requests).toMatchObject({ twilio: 1 });
    expect((await providers.about(number)).accepted).toEqual([]);
    await picture(login, "providers-lost");
    await login.getByRole("button", { name: /^Resend Code/, disabled: false }).click();
    await step(login, "Your code has arrived");
    const { accepted, requests, objections } = await providers.about(number);
    expect(requests).toMatchObject({ twilio: 2 });
    expect(accepted).toHaveLength(1);
    await typeCode(login, /\d{6}/.exec(accepted[0]?.text ?? "")?.[0] ?? "");
    await signedIn(login);
    expect(objections).toEqual([]);
    expect(visitor.complaints).toEqual([]);
  });

  test("the stage says where messages go, and its phone waits for none", async () => {
    visitor = await visit(browser, providers.url);
    const asked: string[] = [];
    visitor.context.on("request", (request) => asked.push(new URL(request.url()).pathname));
    const stage = await visitor.open("/");
    const { login, phone: shown } = await stageReady(stage);
    const settings = stage.getByRole("complementary", { name: "Settings of the stage" });
    await settings.getByText("Notifications go to FCM. SMS go to Twilio.").waitFor();
    await stage.getByRole("switch", { name: "Online" }).click();
    await shown.getByText("A notification goes to FCM, not here.").waitFor();
    await beginSignIn(login);
    await login.getByText(/^The (notification went to FCM|SMS went to Twilio)\./).waitFor();
    const number = await matchNumber(login);
    await picture(stage, "providers-stage");
    await shown.getByRole("button", { name: "Open the app" }).click();
    await approve(shown, number);
    await signedIn(login);
    expect(asked).toContain("/demo/sign-ins");
    expect(asked).not.toContain("/demo/messages");
    expect(visitor.complaints).toEqual([]);
  });
});

test.each([1440, 390])(
  "the providers' own page shows messages and takes answers by keyboard, %i px wide",
  async (width) => {
    visitor = await visit(browser, providers.page, { width });
    const page = await visitor.open("/");
    await page.getByRole("heading", { name: "What they took" }).waitFor();
    const { number, text } = await somebody();
    await answerSo(page, number, "400 21610");
    await page.getByText(`From now on twilio answers ${number}: 400 21610.`).waitFor();
    await text();
    await expect.poll(async () => (await providers.about(number)).requests.twilio).toBe(1);
    expect((await providers.about(number)).accepted).toEqual([]);
    await answerSo(page, number, "well");
    await page.getByText(`From now on twilio answers ${number}: well.`).waitFor();
    await text();

    const message = page.getByRole("listitem").filter({ hasText: number });
    await message.getByText("is your code to sign in to Nod Demo Bank").waitFor();
    await message.getByRole("button", { name: /^Copy \d{6}$/ }).waitFor();
    await message.getByText("What else it holds").focus();
    await page.keyboard.press("Enter");
    await message.getByText("StatusCallback").waitFor();
    const heard = page.getByRole("list", { name: "What the webhook was told" });
    await heard.getByText("delivery.accepted").first().waitFor();

    await picture(page, `providers-page-light-${width}`);
    expect(await barriers(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    await page.emulateMedia({ colorScheme: "dark" });
    await picture(page, `providers-page-dark-${width}`);
    expect(await barriers(page, ["color-contrast"])).toEqual([]);
    expect(visitor.complaints).toEqual([]);
  },
);

test("a call is read as it is heard, and what was objected to can be cleared", async () => {
  visitor = await visit(browser, providers.page, { width: 390 });
  const at = new Date().toISOString();
  const said = "Hello. Your code is 8, 9, 7, 4, 3, 9. Once more: 8, 9, 7, 4, 3, 9. Goodbye.";
  const text = `<Response><Pause length="1"/><Say><prosody rate="slow">${said}</prosody></Say></Response>`;
  const call = { provider: "twilio", to: "+14155550123", id: "CA1", text, fields: {}, at };
  const event = { ...call, provider: "webhook", to: "verification.stage_changed", text: "" };
  let objections = [{ provider: "sns", text: "the signature is not this secret's", at }];
  await visitor.context.route("**/state", (route) =>
    route.fulfill({ json: { accepted: [call, event], objections, requests: {} } }),
  );
  await visitor.context.route("**/objections", (route) => {
    objections = [];
    return route.continue();
  });
  const page = await visitor.open("/");
  await page.getByText(said, { exact: true }).waitFor();
  await page.getByRole("button", { name: "Copy 897439" }).waitFor();
  await page.getByText("What else it holds").click();
  await page.getByText(text).waitFor();
  await page.getByText("the signature is not this secret's").waitFor();
  await picture(page, "providers-call");
  await page.getByRole("button", { name: "Clear what they objected to" }).click();
  await page.getByText("would stand here").waitFor();
  expect(visitor.complaints).toEqual([]);
});
