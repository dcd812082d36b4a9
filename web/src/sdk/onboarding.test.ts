import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Onboarding } from "./onboarding.ts";
import { proving } from "./testing/bodies.ts";
import { problem, TestServer } from "./testing/server.ts";

const number = "+14155550123";
let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(async () => {
  vi.useRealTimers();
  await server.stop();
});

const onboarding = (fetchToken: () => string | Promise<string> = () => "token-1") =>
  new Onboarding({ baseUrl: server.baseUrl, fetchToken });

const sends = "POST /api/onboarding/send-verification";
const standing = "GET /api/onboarding/verification-status";

describe("the calls of a user", () => {
  test("say what the contract says, under the user's token", async () => {
    const calls = onboarding();
    const reply = () => ({ body: proving(1) });
    server.on(sends, reply);
    server.on("POST /api/onboarding/resend-verification", reply);
    server.on("POST /api/onboarding/verify-code", reply);
    server.on("POST /api/onboarding/change-phone", reply);
    server.on(standing, reply);
    server.on("GET /api/onboarding/verification-analytics", () => ({ body: { days: 7 } }));

    await calls.send(number, "voice", "de");
    await calls.resend({ phoneNumber: number }, "sms");
    await calls.check({ verificationId: "ver_1" }, "123456");
    await calls.changePhone(number, "+14155550199");
    await calls.status({ phoneNumber: number });
    expect((await calls.summary(7)).days).toBe(7);

    expect(server.requests.map(({ method, path, body }) => [method, path, body])).toEqual([
      [
        "POST",
        "/api/onboarding/send-verification",
        { phone_number: number, channel: "voice", locale: "de" },
      ],
      ["POST", "/api/onboarding/resend-verification", { phone_number: number, channel: "sms" }],
      ["POST", "/api/onboarding/verify-code", { verification_id: "ver_1", code: "123456" }],
      [
        "POST",
        "/api/onboarding/change-phone",
        { old_phone_number: number, new_phone_number: "+14155550199" },
      ],
      ["GET", "/api/onboarding/verification-status?phone_number=%2B14155550123", {}],
      ["GET", "/api/onboarding/verification-analytics?days=7", {}],
    ]);
    const tokens = new Set(server.requests.map(({ headers }) => headers.authorization));
    expect([...tokens]).toEqual(["Bearer token-1"]);
  });

  test("answer null for a number that was never asked for", async () => {
    server.on(standing, () => ({ body: { status: "none", server_time: "" } }));
    expect(await onboarding().status({ phoneNumber: number })).toBeNull();
  });

  test("send under a key, and under the same once more when the answer was lost", async () => {
    let lost = 0;
    server.on(sends, () => ({ body: proving(1) }));
    const calls = new Onboarding({
      baseUrl: server.baseUrl,
      fetchToken: () => "token-1",
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        if (lost++ === 0) throw new TypeError("network");
        return response;
      },
    });
    await calls.send(number);
    const keys = server.requests.map(({ headers }) => headers["idempotency-key"]);
    expect(keys).toHaveLength(2);
    expect(keys[0]).toMatch(/^[\w-]{22}$/);
    expect(keys[1]).toBe(keys[0]);
  });

  test("give up after the second lost answer", async () => {
    const down = vi.fn(() => Promise.reject(new TypeError("network")));
    const calls = new Onboarding({ baseUrl: "http://x", fetchToken: () => "t", fetch: down });
    await expect(calls.send(number)).rejects.toMatchObject({ code: "network", status: 0 });
    expect(down).toHaveBeenCalledTimes(2);
  });

  test("tell a proxy's page and a body that broke off apart", async () => {
    server.on(standing, () => ({ stream: (response) => response.end("<html>") }));
    await expect(onboarding().status({ phoneNumber: number })).rejects.toMatchObject({
      code: "bad_answer",
    });
    server.on(standing, () => ({
      stream: (response) => {
        response.write('{"verification_id"');
        response.destroy();
      },
    }));
    await expect(onboarding().status({ phoneNumber: number })).rejects.toMatchObject({
      code: "network",
    });
  });
});

describe("the user's token", () => {
  const only = (good: string) =>
    server.on(sends, ({ headers }) =>
      headers.authorization === `Bearer ${good}`
        ? { body: proving(1) }
        : problem(401, "unauthenticated"),
    );

  test("is fetched once, and renewed once when it is refused", async () => {
    let made = 0;
    only("token-2");
    const calls = onboarding(async () => `token-${++made}`);
    await calls.send(number);
    await calls.send(number);
    expect(made).toBe(2);
    only("never");
    await expect(calls.send(number)).rejects.toMatchObject({ code: "unauthenticated" });
    expect(made).toBe(3);
  });

  test("is renewed by one of two calls that were refused together", async () => {
    let made = 0;
    only("token-2");
    const calls = onboarding(async () => `token-${++made}`);
    await Promise.all([calls.send(number), calls.send(number)]);
    expect(made).toBe(2);
  });

  test.each([
    ["throws", () => Promise.reject(new Error("503 from our own backend"))],
    [
      "throws at once",
      () => {
        throw new Error("not signed in");
      },
    ],
    ["is none", () => ""],
  ])("is asked for again when its fetch %s", async (_, broken: () => string | Promise<string>) => {
    let fetchToken = broken;
    only("token-1");
    const calls = onboarding(() => fetchToken());
    await expect(calls.send(number)).rejects.toMatchObject({ code: "no_token", status: 0 });
    expect(server.requests).toHaveLength(0);
    fetchToken = () => "token-1";
    await calls.send(number);
  });

  test("is not waited for without end", async () => {
    vi.useFakeTimers();
    const refused = expect(onboarding(() => new Promise(() => undefined)).send(number)).rejects;
    const told = refused.toMatchObject({ code: "no_token" });
    await vi.advanceTimersByTimeAsync(15_000);
    await told;
    expect(vi.getTimerCount()).toBe(0);
  });
});
