import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Memory } from "./memory.ts";
import type { PhoneVerificationOptions } from "./phonestate.ts";
import { PhoneVerification } from "./phoneverification.ts";
import type { StatusBody } from "./protocol.ts";
import { proving } from "./testing/bodies.ts";
import { nodeSocket, type Peer, problem, type Reply, TestServer } from "./testing/server.ts";
import { SilentSocket } from "./testing/silent.ts";
import { until } from "./testing/wait.ts";

const number = "+14155550123";
const other = "+14155550199";
const send = "POST /api/onboarding/send-verification";
const change = "POST /api/onboarding/change-phone";
const standing = "GET /api/onboarding/verification-status";
const page = "GET /api/v1/verifications/ver_1";
const checks = "POST /api/v1/verifications/ver_1/check";

let server: TestServer;
let phone: PhoneVerification;
let told: string[];
let kept: string | null;

const memory: Memory = {
  load: () => kept,
  save: (value) => {
    kept = value;
  },
};

beforeEach(async () => {
  told = [];
  kept = null;
  server = await TestServer.start();
});
afterEach(async () => {
  phone.dispose();
  vi.useRealTimers();
  await server.stop();
});

const open = (options: Partial<PhoneVerificationOptions> = {}, initial?: string) => {
  phone = new PhoneVerification({
    baseUrl: server.baseUrl,
    fetchToken: () => "token-1",
    memory,
    webSocket: nodeSocket,
    random: () => 0,
    ...options,
  });
  phone.on("event", ({ event }) => told.push(event.name));
  phone.on("result", ({ status }) => told.push(status));
  phone.on("problem", ({ code }) => told.push(`! ${code}`));
  phone.start(initial);
  return phone;
};
const state = () => phone.getState();
const phase = (name: string) => until(name, () => state().phase === name);
const calls = (route: string) =>
  server.requests.filter(({ method, path }) => `${method} ${path.split("?")[0]}` === route);

const body = (more: Partial<StatusBody> = {}, seq = 1): Reply => ({ body: proving(seq, more) });
const sent = (id = "ver_1", more: Partial<StatusBody> = {}): Reply => ({
  ...body({ verification_id: id, client_secret: `secret of ${id}`, ...more }),
  status: 202,
});
const approved = { status: "approved", method: "sms_code", result_token: "result-1" } as const;
const changed = { status: "canceled", reason: "phone_changed" } as const;

/** An open verification that is followed over its socket. */
const followed = async (options?: Partial<PhoneVerificationOptions>): Promise<Peer> => {
  server.on(send, () => sent());
  open(options);
  expect(await phone.send(number)).toBe(true);
  const peer = await server.welcome("watcher", true);
  await until("open", () => state().connection === "open");
  return peer;
};

describe("a number", () => {
  test("is proved: entry, send, a wrong code, the right one", async () => {
    open();
    expect(state()).toMatchObject({ phase: "entry", phoneNumber: "", connection: "closed" });
    server.on(send, () => sent());
    const done = phone.send(number, "sms");
    expect(state()).toMatchObject({ busy: "send", phoneNumber: number });
    expect(await done).toBe(true);
    expect(state()).toMatchObject({ phase: "open", busy: null, reused: false });
    expect(state().countdowns.resend).toBe(60);
    expect(JSON.stringify(state())).not.toContain("secret of");
    const peer = await server.welcome("watcher", true);
    expect(peer.auth).toEqual({ client_secret: "secret of ver_1", last_seq: 1 });

    server.on(checks, () => ({ body: { ...proving(2, { attempts_remaining: 2 }), ok: false } }));
    expect(await phone.check("000000")).toBe(false);
    expect(state()).toMatchObject({ wrong: 1, problem: null, status: { attempts_remaining: 2 } });
    server.on(checks, () => ({ body: { ...proving(3, approved), ok: true } }));
    expect(await phone.check("123456")).toBe(true);
    expect(state()).toMatchObject({ phase: "approved", result: { result_token: "result-1" } });
    expect(await phone.resultToken()).toBe("result-1");
    expect(told).toEqual(["approved"]);
  });

  test("is told what happens to it, and a new code starts the count of wrong ones again", async () => {
    const peer = await followed();
    server.on(checks, () => ({ body: { ...proving(2), expires_at: null, ok: false } }));
    await phone.check("000000");
    expect(state().wrong).toBe(1);
    const fresh = proving(3, { expires_at: new Date(Date.now() + 900_000).toISOString() });
    peer.send("event", { name: "code.check_failed", at: "" }, { seq: 2 });
    peer.send("event", { name: "code.issued", at: "", state: fresh }, { seq: 3 });
    await until("a new code", () => state().wrong === 0);
    expect(told).toEqual(["code.check_failed", "code.issued"]);
  });

  test("has one act at a time", async () => {
    await followed();
    server.on(checks, () => ({ body: { ...proving(2), ok: false } }));
    const [first, second] = await Promise.all([phone.check("000000"), phone.resend()]);
    expect([first, second]).toEqual([false, false]);
    expect(calls("POST /api/v1/verifications/ver_1/resend")).toHaveLength(0);
    expect(state().problem).toBeNull();
  });

  test("asks for its message again, and can be let go", async () => {
    await followed();
    server.on("POST /api/v1/verifications/ver_1/resend", () => body({ resend_count: 1 }, 2));
    expect(await phone.resend("voice")).toBe(true);
    expect(state().status?.resend_count).toBe(1);
    server.on("POST /api/v1/verifications/ver_1/cancel", () => body({ status: "canceled" }, 3));
    expect(await phone.cancel()).toBe(true);
    expect(state()).toMatchObject({ phase: "ended", result: { status: "canceled" } });
    expect(kept).toBeNull();
    phone.again();
    expect(state()).toMatchObject({ phase: "entry", phoneNumber: number, result: null });
  });

  test("shows the user's own figures", async () => {
    open();
    server.on("GET /api/onboarding/verification-analytics", () => ({ body: { days: 30 } }));
    expect(await phone.loadSummary()).toBe(true);
    expect(state().summary?.days).toBe(30);
  });
});

describe("a reload", () => {
  test("goes on with the same verification, and sends nothing", async () => {
    await followed();
    phone.dispose();
    server.on(page, () => body({}, 2));
    open();
    expect(state()).toMatchObject({ phase: "loading", phoneNumber: number });
    await phase("open");
    expect(calls(send)).toHaveLength(1);
  });

  test("while a send is awaited finds under the number what was sent", async () => {
    let answer: (reply: Reply) => void = () => undefined;
    server.on(
      send,
      () =>
        new Promise<Reply>((resolve) => {
          answer = resolve;
        }),
    );
    open();
    void phone.send(number);
    await until("asked", () => calls(send).length === 1);
    phone.dispose();
    answer(sent());
    server.on(standing, () => body());
    server.on(send, () => ({ ...sent("ver_1", { reused: true }), status: 200 }));
    open();
    await phase("open");
    expect(state()).toMatchObject({ phoneNumber: number, elsewhere: true });
    expect(calls(send)).toHaveLength(1);
    expect(await phone.takeOver()).toBe(true);
    expect(state()).toMatchObject({ phoneNumber: number, elsewhere: false, reused: true });
  });

  test("without a memory finds what is open for the number it begins with, and leaves it alone", async () => {
    server.on(standing, () => body());
    server.on(send, () => sent("ver_1", { reused: true }));
    open({ memory: undefined }, number);
    await phase("open");
    expect(state()).toMatchObject({ elsewhere: true, phoneNumber: number });
    expect(calls(standing)[0]?.path).toBe(
      "/api/onboarding/verification-status?phone_number=%2B14155550123",
    );
    // It may end at any moment, and a send would be a message then: that is for the person to say.
    phone.wake();
    await until("asked again", () => calls(standing).length === 2);
    expect(calls(send)).toHaveLength(0);
    expect(await phone.takeOver()).toBe(true);
    expect(state()).toMatchObject({ elsewhere: false, reused: true });
  });

  test("that was let go is not brought back by a late answer", async () => {
    server.on(standing, () => body());
    open({ memory: undefined }, number);
    await phase("open");
    let answer: (reply: Reply) => void = () => undefined;
    const late = new Promise<Reply>((resolve) => {
      answer = resolve;
    });
    server.on(standing, () => late);
    phone.wake();
    await until("asked again", () => calls(standing).length === 2);
    phone.again();
    server.on("GET /api/onboarding/verification-analytics", () => ({ body: {} }));
    answer(body());
    await phone.loadSummary(); // answered after the other
    expect(state()).toMatchObject({ phase: "entry", elsewhere: false });
  });

  test.each([
    ["nothing is known of", { body: { status: "none", server_time: "" } }],
    ["has ended for", body({ status: "expired" })],
    ["was proved for", body(approved)],
  ])("only fills in the number when it %s it", async (_, reply) => {
    server.on(standing, () => reply);
    open({}, number);
    await phase("entry");
    expect(state().phoneNumber).toBe(number);
    expect(calls(send)).toHaveLength(0);
  });

  test("that begins with another number is another story", async () => {
    await followed();
    phone.dispose();
    server.on(standing, () => ({ body: { status: "none", server_time: "" } }));
    open({}, other);
    await phase("entry");
    expect(state().phoneNumber).toBe(other);
    expect(calls(page)).toHaveLength(0);
  });

  test("learns that it ended while nobody looked, with the user's token where the secret is void", async () => {
    await followed();
    phone.dispose();
    server.on(page, () => problem(401, "unauthenticated"));
    server.on(standing, () => body({ status: "expired" }, 9));
    open();
    await phase("ended");
    expect(state().status?.status).toBe("expired");
    expect(told).toEqual(["expired"]);
    expect(calls(standing)[0]?.path).toContain("verification_id=ver_1");
    expect(kept).toBeNull();
  });

  test("says so when nothing is known of it any more", async () => {
    await followed();
    phone.dispose();
    server.on(page, () => problem(404, "not_found"));
    server.on(standing, () => problem(404, "not_found"));
    open();
    await phase("entry");
    expect(state()).toMatchObject({ phoneNumber: number, problem: { code: "expired" } });
  });

  test("hands a proof out that nobody took, and forgets one that was", async () => {
    await followed();
    phone.dispose();
    server.on(page, () => body(approved, 5));
    open();
    await phase("approved");
    expect(told).toEqual(["approved"]);
    phone.dispose();
    server.on(page, () => body({ ...approved, result_token: undefined }, 5));
    open();
    await phase("entry");
    expect(told).toEqual(["approved"]);
    expect(kept).toBeNull();
  });

  test("forgets a proof that was taken also when its secret has ended since", async () => {
    await followed();
    phone.dispose();
    server.on(page, () => problem(401, "unauthenticated"));
    server.on(standing, () => body({ ...approved, result_token: undefined }, 5));
    open();
    await phase("entry");
    expect(told).toEqual([]);
    expect(kept).toBeNull();
  });

  test("without a network waits for it", async () => {
    await followed();
    phone.dispose();
    server.refuseSockets = 503;
    let down = true;
    open({
      fetch: (input, init) =>
        down ? Promise.reject(new TypeError("network")) : fetch(input, init),
    });
    await until("told", () => state().problem?.code === "network");
    expect(state().phase).toBe("loading");
    server.on("GET /api/v1/verifications/ver_1/events", () => ({
      stream: (response) =>
        response.write(`event: snapshot\ndata: ${JSON.stringify(proving(2))}\n\n`),
    }));
    down = false;
    await phase("open");
    expect(state()).toMatchObject({ problem: null, transport: "sse" });
  });

  test("bears a memory that is spoiled or forbidden", async () => {
    kept = '{"asked":""';
    open();
    expect(state().phase).toBe("entry");
    phone.dispose();
    const deny = () => {
      throw new Error("forbidden");
    };
    open({ memory: { load: deny, save: deny } });
    server.on(send, () => sent());
    expect(await phone.send(number)).toBe(true);
  });
});

describe("a send", () => {
  test("that is refused says for how long, and counts that down over sleep", async () => {
    const more = { retry_after: 40, verification_id: "ver_9" };
    server.on(send, () => problem(429, "cooldown", more));
    let now = Date.now();
    open({ now: () => now });
    expect(await phone.send(number)).toBe(false);
    expect(state()).toMatchObject({
      phase: "entry",
      retryIn: 40,
      problem: { code: "cooldown", verificationId: "ver_9", retryAfter: 40 },
    });
    now += 30_000;
    phone.wake();
    expect(state().retryIn).toBe(10);
    now += 300_000;
    phone.wake();
    expect(state().retryIn).toBe(0);
    expect(kept).toBeNull();
    server.on(send, () => sent());
    await phone.send(number);
    expect(state()).toMatchObject({ problem: null, retryIn: null });
  });

  test("needs a token, and says when there is none", async () => {
    open({ fetchToken: () => Promise.reject(new Error("down")) });
    expect(await phone.send(number)).toBe(false);
    expect(state()).toMatchObject({ phase: "entry", problem: { code: "no_token" } });
    expect(told).toEqual(["! no_token"]);
    expect(kept).toBeNull(); // nothing was asked, so a reload has nothing to look for
  });

  test("whose answer is lost for good is found again by the next", async () => {
    server.on(send, () => sent());
    let down = true;
    open({
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        if (down) throw new TypeError("network");
        return response;
      },
    });
    expect(await phone.send(number)).toBe(false);
    expect(state().problem?.code).toBe("network");
    expect(kept).toContain(number);
    down = false;
    server.on(send, () => sent("ver_1", { reused: true }));
    expect(await phone.send(number)).toBe(true);
    expect(state().reused).toBe(true);
  });

  test("that answers without a secret is no answer", async () => {
    server.on(send, () => body());
    open();
    expect(await phone.send(number)).toBe(false);
    expect(state()).toMatchObject({ phase: "entry", problem: { code: "bad_answer" } });
  });
});

describe("a change of the number", () => {
  test("follows the new one; what is told of the old one's end meanwhile is not its own", async () => {
    const peer = await followed();
    server.on(change, async () => {
      peer.send("result", { verification_id: "ver_1", ...changed }, { seq: 2 });
      peer.send("event", { name: "verification.canceled", at: "" }, { seq: 2 });
      await until("the end of the old one", () => told.length === 1);
      return sent("ver_2", { previous_verification_id: "ver_1" });
    });
    expect(await phone.changePhone(other)).toBe(true);
    expect(calls(change)[0]?.body).toEqual({
      old_phone_number: number,
      new_phone_number: other,
    });
    expect(state()).toMatchObject({ phase: "open", phoneNumber: other, result: null });
    expect(state().status?.verification_id).toBe("ver_2");
    expect((await server.peer()).auth.client_secret).toBe("secret of ver_2");
    expect(told).toEqual(["verification.canceled"]);
    phone.dispose();
    server.on("GET /api/v1/verifications/ver_2", () => body({ verification_id: "ver_2" }));
    open();
    await phase("open");
    expect(state().phoneNumber).toBe(other);
  });

  test("that is refused leaves the old one as it was", async () => {
    const peer = await followed();
    server.on(change, () => problem(429, "cooldown", { retry_after: 20 }));
    expect(await phone.changePhone(other)).toBe(false);
    expect(state()).toMatchObject({ phase: "open", phoneNumber: number, retryIn: 20 });
    expect(state().connection).toBe("open");
    peer.send("event", { name: "delivery.delivered", at: "" }, { seq: 2 });
    await until("still followed", () => told.includes("delivery.delivered"));
  });

  test("whose answer is lost is found out by the end of the old one", async () => {
    let lose = false;
    const peer = await followed({
      fetch: async (input, init) => {
        if (String(input).endsWith("change-phone")) lose = true;
        const response = await fetch(input, init);
        if (lose) throw new TypeError("network");
        return response;
      },
    });
    server.on(change, () => sent("ver_2"));
    expect(await phone.changePhone(other)).toBe(false);
    expect(state()).toMatchObject({ phase: "open", phoneNumber: number });
    lose = false;
    server.on(standing, () => body({ verification_id: "ver_2" }));
    server.on(send, () => sent("ver_2", { reused: true }));
    peer.send("result", { verification_id: "ver_1", ...changed }, { seq: 2 });
    await until("the new number", () => state().status?.verification_id === "ver_2");
    expect(state()).toMatchObject({ phase: "open", phoneNumber: other });
    expect(told).toEqual(["! network"]);
  });

  test("in another window is an end here", async () => {
    const peer = await followed();
    peer.send("result", { verification_id: "ver_1", ...changed }, { seq: 2 });
    await phase("ended");
    expect(state().result?.reason).toBe("phone_changed");
  });
});

describe("two windows", () => {
  const taken = async () => {
    const peer = await followed();
    server.on(standing, () => body());
    peer.close(4401);
    await until("elsewhere", () => state().elsewhere);
  };

  test("the first one says that the other has it, and does nothing by itself", async () => {
    await taken();
    expect(state()).toMatchObject({ phase: "open", connection: "closed", problem: null });
    expect(state().countdowns.resend).toBeNull();
    expect(calls(send)).toHaveLength(1);
  });

  test("it takes over when it is asked to, without a message", async () => {
    await taken();
    server.on(send, () => sent("ver_1", { reused: true }));
    expect(await phone.takeOver()).toBe(true);
    expect(state()).toMatchObject({ phase: "open", elsewhere: false, reused: true });
    await server.welcome("watcher", true);
    await until("open", () => state().connection === "open");
  });

  test("a code that is typed here is tried here", async () => {
    await taken();
    server.on(send, () => sent("ver_1", { reused: true }));
    server.on(checks, () => ({ body: { ...proving(3, approved), ok: true } }));
    expect(await phone.check("123456")).toBe(true);
    expect(state().phase).toBe("approved");
  });

  test("it learns of the other's success when it is looked at, or wants to take over", async () => {
    await taken();
    server.on(standing, () => body(approved, 7));
    phone.wake();
    await phase("approved");
    expect(told).toEqual(["approved"]);
    expect(await phone.resultToken()).toBe("result-1");
    expect(calls(send)).toHaveLength(1);
  });

  test("an act that meets the void secret says the same", async () => {
    await followed();
    server.on(checks, () => problem(401, "unauthenticated"));
    server.on(standing, () => body());
    expect(await phone.check("123456")).toBe(false);
    expect(state()).toMatchObject({ elsewhere: true, problem: null });
  });

  test("it asks until it knows, when the network fails as well", async () => {
    let down = false;
    const peer = await followed({
      fetch: (input, init) =>
        down ? Promise.reject(new TypeError("network")) : fetch(input, init),
    });
    down = true;
    peer.close(4401);
    await until("told", () => told.includes("! network"));
    server.on(standing, () => body({ status: "expired" }, 9));
    down = false;
    await phase("ended");
    expect(state()).toMatchObject({ problem: null, status: { status: "expired" } });
  });

  test("it asks no sooner than it was told to", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    server.on(send, () => sent());
    open({ webSocket: SilentSocket });
    await phone.send(number);
    const asked = vi.fn(() => problem(503, "unavailable", { retry_after: 30 }));
    server.on(standing, asked);
    SilentSocket.all.at(-1)?.onclose?.({ code: 4401, reason: "" });
    await vi.waitUntil(() => told.includes("! unavailable"));
    expect(state().retryIn).toBe(30);
    await vi.advanceTimersByTimeAsync(29_000);
    expect(asked).toHaveBeenCalledTimes(1);
    server.on(standing, () => body());
    await vi.advanceTimersByTimeAsync(1_000);
    await vi.waitUntil(() => state().elsewhere);
    expect(state().problem).toBeNull();
  });
});

describe("a result token", () => {
  test("is still to be had with the user's token when the secret has ended", async () => {
    let now = Date.now();
    server.on(send, () => sent());
    open({ now: () => now, webSocket: SilentSocket });
    await phone.send(number);
    server.on(checks, () => ({ body: { ...proving(3, approved), ok: true } }));
    await phone.check("123456");
    now += 20 * 60_000;
    server.on(page, () => problem(401, "unauthenticated"));
    server.on(standing, () => body({ ...approved, result_token: "result-2" }, 3));
    expect(await phone.resultToken()).toBe("result-2");
    server.on(standing, () => problem(503, "unavailable"));
    expect(await phone.resultToken()).toBeNull();
    expect(state()).toMatchObject({ busy: null, problem: { code: "unavailable" } });
    server.on(standing, () => body({ ...approved, result_token: "result-3" }, 3));
    expect(await phone.resultToken()).toBe("result-3");
    expect(state().problem).toBeNull();
  });

  test("that another window has redeemed is told from one that cannot be read", async () => {
    const peer = await followed();
    peer.close(4401);
    server.on(standing, () => body({ status: "approved", method: "sms_code" }, 3));
    await phase("approved");
    expect(await phone.resultToken()).toBeNull();
    expect(state()).toMatchObject({ phase: "approved", problem: { code: "already_decided" } });
    server.on(standing, () => ({ body: { status: "none" } }));
    expect(await phone.resultToken()).toBeNull();
    expect(state()).toMatchObject({ phase: "approved", problem: { code: "expired" } });
  });
});

describe("a network that comes back", () => {
  const cut = () => {
    let down = false;
    const options = {
      fetch: (input, init) =>
        down ? Promise.reject(new TypeError("network")) : fetch(input, init),
    } satisfies Partial<PhoneVerificationOptions>;
    const goes = (off: boolean) => {
      down = off;
    };
    return { options, goes };
  };

  test("takes back that it was away, with the connection", async () => {
    const { options, goes } = cut();
    const peer = await followed(options);
    goes(true);
    expect(await phone.check("123456")).toBe(false);
    expect(state().problem?.code).toBe("network");
    peer.send("tick", { server_time: new Date().toISOString() });
    goes(false);
    peer.cut();
    await server.welcome("watcher", true);
    await until("open", () => state().connection === "open" && state().problem === null);
    expect(calls(checks)).toHaveLength(0);
  });

  test("takes it back where a socket has outlived it", async () => {
    const { options, goes } = cut();
    await followed(options);
    goes(true);
    await phone.check("123456");
    phone.wake();
    await new Promise(setImmediate);
    expect(state()).toMatchObject({ connection: "open", problem: { code: "network" } });
    server.on(page, () => body());
    goes(false);
    phone.wake();
    await until("taken back", () => state().problem === null);
  });
});

describe("a page", () => {
  test("that mounts twice asks once", async () => {
    server.on(standing, () => body());
    server.on(send, () => sent("ver_1", { reused: true }));
    open({}, number);
    phone.stop();
    phone.start(number);
    await phase("open");
    expect(calls(standing)).toHaveLength(1);
    expect(calls(send)).toHaveLength(0);
  });

  test("that moved on is refused, and catches up", async () => {
    await followed();
    server.on("POST /api/v1/verifications/ver_1/resend", () => problem(423, "locked"));
    server.on(page, () => body({ stage: "locked" }, 4));
    expect(await phone.resend()).toBe(false);
    expect(state().problem?.code).toBe("locked");
    await until("caught up", () => state().status?.stage === "locked");
  });

  test("that slept counts on from the clock", async () => {
    server.on(send, () => sent());
    let now = Date.now();
    open({ now: () => now, webSocket: SilentSocket });
    await phone.send(number);
    now += 45_000;
    phone.wake();
    expect(state().countdowns.resend).toBeLessThanOrEqual(15);
    now += 600_000;
    phone.wake();
    expect(state().countdowns).toMatchObject({ resend: 0, code: 0 });
  });

  test("that is gone leaves no timer, and nothing it does has an effect", async () => {
    server.on(send, () => sent());
    vi.useFakeTimers({ toFake: ["setTimeout", "setInterval", "clearTimeout", "clearInterval"] });
    open({ webSocket: SilentSocket });
    const late = phone.send(number);
    phone.dispose();
    expect(await late).toBe(false);
    expect(await phone.check("123456")).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });
});
