import type { CDPSession, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { picture, type Visit, visitForPushes } from "./browser.ts";
import { approve, beginSignIn, matchNumber, phoneReady, signedIn } from "./people.ts";
import { type Push, PushService } from "./pushservice.ts";
import { type RunningServer, startServer } from "./server.ts";

let server: RunningServer;
let service: PushService;
let visitor: Visit;

beforeAll(async () => {
  server = await startServer({
    NOD_VAPID_SUBJECT: "mailto:operator@example.com",
    NOD_WS_ACK_TIMEOUT: "1s",
  });
});
afterAll(async () => {
  await server?.stop();
});
beforeEach(async () => {
  service = await PushService.start();
  visitor = await visitForPushes(server.url);
});
afterEach(async ({ task }) => {
  if (task.result?.state === "fail") {
    for (const [index, page] of visitor.context.pages().entries()) {
      await picture(page, `failed-${task.name.replace(/\W+/g, "-")}-${index}`);
    }
    process.stderr.write(server.said());
  }
  await visitor.close();
  await service.stop();
});

const allow = () => visitor.context.grantPermissions(["notifications"], { origin: server.url });

/** Lets the browser of this visit subscribe with the test's push service. */
const reachService = () =>
  visitor.context.addInitScript((subscription) => {
    PushManager.prototype.subscribe = async (options) => {
      const fields = { ...subscription, options, toJSON: () => subscription };
      localStorage.setItem("subscribed", "yes");
      return fields as unknown as PushSubscription;
    };
    const key = "applicationServerKey";
    PushManager.prototype.getSubscription = async () => {
      if (!localStorage.getItem("subscribed")) return null;
      const answer = await fetch("/api/v1/push-key");
      const text = atob((await answer.json()).key.replaceAll("-", "+").replaceAll("_", "/"));
      const options = { [key]: Uint8Array.from(text, (c) => c.charCodeAt(0)).buffer };
      return { ...subscription, options, toJSON: () => subscription } as never;
    };
  }, service.subscription);

/** A phone whose notifications are on, and a page to sign in on. */
async function reachablePhone(): Promise<{ phone: Page; login: Page }> {
  await allow();
  await reachService();
  const phone = await visitor.open("/phone");
  await phoneReady(phone);
  await phone.getByRole("button", { name: "Turn on notifications" }).click();
  await phone.getByText("Notifications are on").waitFor();
  return { phone, login: await visitor.open("/login") };
}

/** Hands a push to the phone's worker, as the browser does. */
async function deliver(page: Page, { text }: Push): Promise<void> {
  const session: CDPSession = await visitor.context.newCDPSession(page);
  const known = new Promise<string>((resolve) => {
    session.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
      const own = registrations.find(({ scopeURL }) => scopeURL === `${server.url}/phone`);
      if (own) resolve(own.registrationId);
    });
  });
  await session.send("ServiceWorker.enable");
  const registrationId = await known;
  await session.send("ServiceWorker.deliverPushMessage", {
    origin: server.url,
    registrationId,
    data: text,
  });
  await session.detach();
}

/** What stands on the screen of the phone, by its tags. */
const shown = (page: Page) =>
  page.evaluate(async () => {
    const [worker] = await navigator.serviceWorker.getRegistrations();
    const notices = (await worker?.getNotifications()) ?? [];
    return notices.map(({ title, body, tag }) => ({ title, body, tag }));
  });

/** What became of the push of a verification, as its integrator reads it. */
async function delivery(push: Push): Promise<string | undefined> {
  const path = `/api/v1/verifications/${push.data.verification_id}`;
  const headers = { authorization: `Bearer ${server.apiKey}` };
  const answer = await (await fetch(server.url + path, { headers })).json();
  const { deliveries } = answer as { deliveries: { id: string; state: string }[] };
  return deliveries.find(({ id }) => id === push.data.delivery_id)?.state;
}

/** Taps a notification, as far as a page can play a person: the worker hears it. */
async function tap(): Promise<void> {
  const [worker] = visitor.context.serviceWorkers();
  await worker?.evaluate(async () => {
    const { registration } = globalThis as unknown as ServiceWorkerRegistration & {
      registration: ServiceWorkerRegistration;
    };
    const [notification] = await registration.getNotifications();
    dispatchEvent(Object.assign(new Event("notificationclick"), { notification, waitUntil() {} }));
  });
}

test("a phone whose page is closed is woken, and its request answered from the notification", async () => {
  const { phone, login } = await reachablePhone();
  await phone.close();
  await beginSignIn(login);
  const number = await matchNumber(login);
  const push = await service.next();
  const about = { type: "prompt", verification_id: expect.stringMatching(/^ver_/) };
  expect(push.data).toMatchObject({ ...about, jwe: expect.stringMatching(/^[\w-]+\.\.[\w.-]+$/) });
  expect(push.headers.authorization).toMatch(/^vapid /);
  // Ids and the sealed prompt are left out: three digits stand in them by chance.
  const { delivery_id: _, jwe: __, verification_id: ___, ...open } = push.data;
  expect(JSON.stringify(open)).not.toContain(number);

  const before = server.said().length;
  await deliver(login, push);
  await expect.poll(() => shown(login)).toHaveLength(1);
  const [notice] = await shown(login);
  expect(notice?.tag).toBe(push.data.verification_id);
  expect(JSON.stringify(notice)).not.toMatch(/bank|127\.0\.0/i);
  await expect.poll(() => delivery(push)).toBe("delivered");
  // The worker opened and believed what was sealed in the push: it asked for no request.
  const asked = server.said().slice(before);
  expect(asked).toContain("route=/api/v1/prompts/:verification_id/ack ");
  expect(asked).not.toContain("route=/api/v1/prompts ");

  const again = await visitor.open("/phone");
  await phoneReady(again);
  await tap();
  await again.getByRole("dialog", { name: "Is this you signing in?" }).waitFor();
  expect(await shown(login)).toEqual([]);
  await approve(again, number);
  await signedIn(login);
  expect(visitor.complaints).toEqual([]);
});

test("the page that a notification opens shows its request", async () => {
  const { phone, login } = await reachablePhone();
  await phone.close();
  await beginSignIn(login);
  const push = await service.next();
  await deliver(login, push);
  await expect.poll(() => shown(login)).toHaveLength(1);
  const opened = await visitor.open(`/phone#request=${push.data.verification_id}`);
  await opened.getByRole("dialog", { name: "Is this you signing in?" }).waitFor();
  expect(opened.url()).toBe(`${server.url}/phone`);
  await expect.poll(() => shown(login)).toEqual([]);
});

test("a notification goes away when its request is canceled on the page", async () => {
  const { phone, login } = await reachablePhone();
  await phone.close();
  await beginSignIn(login);
  const push = await service.next();
  await deliver(login, push);
  await expect.poll(() => shown(login)).toHaveLength(1);
  await expect.poll(() => delivery(push)).toBe("delivered");
  await login.getByRole("button", { name: "Cancel" }).click();
  const end = await service.next();
  expect(end.data).toEqual({
    type: "prompt_closed",
    verification_id: push.data.verification_id,
  });
  await deliver(login, end);
  await expect.poll(() => shown(login)).toEqual([]);
});

test("a browser without a push service says so kindly, and the phone stays as it was", async () => {
  await allow();
  await visitor.context.clock.install();
  const phone = await visitor.open("/phone");
  await phoneReady(phone);
  await phone.getByRole("button", { name: "Turn on notifications" }).click();
  const words = phone.getByText("This browser's push service cannot be reached");
  // The browser would wait for ever; the page does for a quarter of a minute.
  await expect
    .poll(async () => {
      await phone.clock.fastForward(15_000);
      return await words.isVisible();
    })
    .toBe(true);
  await phone.getByRole("button", { name: "Try again" }).waitFor();
  expect(visitor.complaints).toEqual([]);
});
