import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import AxeBuilder from "@axe-core/playwright";
import type { Browser, CDPSession, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { launchBrowser, picture, type Visit, visit } from "./browser.ts";
import { approve, openRequest, phoneReady, typeNumber } from "./people.ts";
import { type RunningServer, startServer } from "./server.ts";

let server: RunningServer;
let browser: Browser;
let visitor: Visit;
let phone: Page;
let session: CDPSession;
let authenticatorId: string;

beforeAll(async () => {
  // A credential is bound to a name, and an address is none.
  const port = await freePort();
  [server, browser] = await Promise.all([
    startServer({ NOD_ADDR: `127.0.0.1:${port}`, NOD_PUBLIC_URL: `http://localhost:${port}` }),
    launchBrowser(),
  ]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});
beforeEach(async () => {
  visitor = await visit(browser, server.url);
  phone = await visitor.open("/phone");
  await phoneReady(phone);
  session = await visitor.context.newCDPSession(phone);
  await session.send("WebAuthn.enable");
});
afterEach(async ({ task }) => {
  if (task.result?.state === "fail") {
    await picture(phone, `failed-${task.name.replace(/\W+/g, "-")}`);
    process.stderr.write(server.said());
  }
  await visitor.close();
});

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  await once(listener.close(), "close");
  return port;
}

/** Gives the phone's computer a fingerprint reader that recognises its person, or not. */
async function fingerprint(recognised: boolean): Promise<void> {
  ({ authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasUserVerification: true,
      isUserVerified: recognised,
      automaticPresenceSimulation: true,
    },
  }));
}

const recognise = (isUserVerified: boolean) =>
  session.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified });

/** What the computer keeps for pages. */
const credentials = async () =>
  (await session.send("WebAuthn.getCredentials", { authenticatorId })).credentials;

interface Login {
  verification_id: string;
  match_number: string;
  status: string;
  method?: string;
}

async function ask<Answer>(method: string, path: string, body?: object): Promise<Answer> {
  const answer = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${server.apiKey}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  return (await answer.json()) as Answer;
}

/** Starts a login of the phone's person that needs them checked. */
async function login(more: object = {}): Promise<Login> {
  const person = await phone.evaluate(() => localStorage.getItem("nod.demo.person"));
  const { user } = JSON.parse(person ?? "{}");
  const context = { app: "Nod Demo Bank" };
  const body = { user_id: user, context, require_user_verification: true, ...more };
  return await ask("POST", "/api/v1/verifications", body);
}

const now = ({ verification_id: id }: Login) => ask<Login>("GET", `/api/v1/verifications/${id}`);

const outcome = (name: string) => phone.getByRole("dialog", { name }).waitFor();

test("an approval needs the fingerprint; it is set up once", async () => {
  await fingerprint(true);
  for (const asked of [1, 2]) {
    const begun = await login();
    await openRequest(phone);
    await phone.getByText(/^Approving asks for your fingerprint/).waitFor();
    if (asked === 1) {
      await picture(phone, "phone-user-verification");
      expect((await new AxeBuilder({ page: phone }).analyze()).violations).toEqual([]);
    }
    await approve(phone, begun.match_number);
    await outcome("Approved");
    expect(await now(begun)).toMatchObject({ status: "approved", method: "app" });
    expect(await credentials()).toMatchObject([{ rpId: "localhost" }]);
    await phone.getByRole("button", { name: "Done" }).click();
  }
  await phone.reload();
  await phoneReady(phone);
  const begun = await login();
  await openRequest(phone);
  await approve(phone, begun.match_number);
  await outcome("Approved");
  expect(await credentials()).toHaveLength(1);
  expect(visitor.complaints).toEqual([]);
});

test("a finger that is not the person's approves nothing, and may be followed by the right one", async () => {
  await fingerprint(false);
  const begun = await login();
  await openRequest(phone);
  await approve(phone, begun.match_number);
  await phone.getByText("You were not checked").waitFor();
  expect(await now(begun)).toMatchObject({ status: "pending" });
  expect(await credentials()).toEqual([]);
  await picture(phone, "phone-user-not-verified");
  await recognise(true);
  await phone.getByRole("button", { name: "Approve" }).click();
  await outcome("Approved");
  expect(await now(begun)).toMatchObject({ status: "approved" });
});

test("a computer that forgot its person is set up again from the sheet", async () => {
  await fingerprint(true);
  const first = await login();
  await openRequest(phone);
  await approve(phone, first.match_number);
  await outcome("Approved");
  await phone.getByRole("button", { name: "Done" }).click();
  await session.send("WebAuthn.clearCredentials", { authenticatorId });
  const begun = await login();
  await openRequest(phone);
  await approve(phone, begun.match_number);
  await phone.getByText("You were not checked").waitFor();
  await phone.getByRole("button", { name: "Set it up again" }).click();
  await phone.getByRole("button", { name: "Approve" }).click();
  await outcome("Approved");
  expect(await now(begun)).toMatchObject({ status: "approved" });
});

test("a browser without any such means says so, and can still refuse", async () => {
  const begun = await login();
  await openRequest(phone);
  await phone.getByText("This browser cannot check that it is you").waitFor();
  expect(await phone.getByRole("button", { name: "Approve" }).isDisabled()).toBe(true);
  await phone.getByRole("button", { name: "Deny" }).click();
  await outcome("Denied");
  expect(await now(begun)).toMatchObject({ status: "denied" });
  expect(visitor.complaints).toEqual([]);
});

test("a code that is faster takes the question away and says so", async () => {
  await fingerprint(true);
  await session.send("WebAuthn.setAutomaticPresenceSimulation", {
    authenticatorId,
    enabled: false,
  });
  const number = "+14155550187";
  const begun = await login({ channel: "both", phone_number: number });
  await openRequest(phone);
  await typeNumber(phone, begun.match_number);
  await phone.getByRole("button", { name: "Approve" }).click();
  await expect.poll(() => phone.getByRole("button", { name: "Deny" }).isDisabled()).toBe(true);
  const sent = () =>
    ask<{ messages: { code: string }[] }>("GET", `/api/v1/outbox?to=${encodeURIComponent(number)}`);
  await expect.poll(async () => (await sent()).messages.length).toBe(1);
  const [message] = (await sent()).messages;
  const path = `/api/v1/verifications/${begun.verification_id}/check`;
  expect(await ask("POST", path, { code: message?.code })).toMatchObject({ ok: true });
  await outcome("Already answered");
  expect(await now(begun)).toMatchObject({ status: "approved", method: "sms_code" });
  expect(visitor.complaints).toEqual([]);
});
