import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { SocketConstructor } from "./socket.ts";
import { pending } from "./testing/bodies.ts";
import { nodeSocket, type Peer, problem, type Reply, TestServer } from "./testing/server.ts";
import { SilentSocket } from "./testing/silent.ts";
import { until } from "./testing/wait.ts";
import { Watcher, type WatcherOptions } from "./watcher.ts";

let server: TestServer;
let watcher: Watcher;
let seen: string[];

beforeEach(async () => {
  seen = [];
  server = await TestServer.start();
});
afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  watcher.dispose();
  await server.stop();
});

const watch = (options: Partial<WatcherOptions> = {}): Watcher => {
  watcher = new Watcher({
    baseUrl: server.baseUrl,
    verificationId: "ver_1",
    clientSecret: "secret",
    webSocket: nodeSocket,
    random: () => 0,
    ...options,
  });
  watcher.on("event", ({ seq, event }) => seen.push(`${seq} ${event.name}`));
  watcher.on("result", ({ status }) => seen.push(status));
  watcher.start();
  return watcher;
};

const event = (peer: Peer, seq: number, name: string, state?: object) =>
  peer.send("event", { name, at: new Date().toISOString(), state }, { seq });

const approved = (seq: number) => ({
  ...pending(seq),
  status: "approved" as const,
  method: "app" as const,
  prompt_expires_at: null,
});

describe("a watcher", () => {
  test("shows what the create said before anything else arrived", () => {
    watch({ status: pending(1, { client_secret: "secret" }) });
    const { status, countdowns } = watcher.getState();
    expect(status?.match_number).toBe("042");
    expect(status).not.toHaveProperty("client_secret");
    expect(countdowns.prompt).toBe(120);
  });

  test("counts from what an event tells, although all it heard before was late", async () => {
    const told = (ms: number) => new Date(ms).toISOString();
    const start = Date.now();
    let local = start + 900;
    watch({ status: pending(1), now: () => local });
    const peer = await server.welcome("watcher");
    local += 100;
    const at = told(start + 1_000);
    const state = pending(2, {
      server_time: at,
      next_resend_at: told(start + 61_000),
      prompt_expires_at: told(start + 121_000),
      next_actions: { sms_in: 0, push_in: 60 },
    });
    peer.send("event", { name: "delivery.accepted", at, state }, { seq: 2 });
    await until("the event", () => seen.length === 1);
    expect(watcher.countdowns()).toMatchObject({ sms: 0, push: 60, resend: 60, prompt: 120 });
    expect(watcher.now()).toBe(start + 1_000);
  });

  test("follows events to the result, and has nothing left to do then", async () => {
    watch();
    const peer = await server.welcome("watcher");
    expect(peer.auth).toEqual({ client_secret: "secret" });
    peer.send("snapshot", pending(2));
    event(peer, 3, "delivery.accepted", pending(3, { stage: "prompted", match_number: undefined }));
    await until("the event", () => seen.length === 1);
    expect(watcher.getState()).toMatchObject({ connection: "open", transport: "websocket" });
    expect(watcher.getState().status).toMatchObject({ seq: 3, match_number: "042" });
    expect(watcher.getState().status?.attempt_history).toHaveLength(1);

    event(peer, 4, "verification.approved", approved(4));
    const result = { verification_id: "ver_1", status: "approved", method: "app" };
    peer.send("result", { ...result, result_token: "token-1" }, { seq: 4 });
    await until("closed", () => watcher.getState().closed?.kind === "finished");
    expect(seen).toEqual(["3 delivery.accepted", "4 verification.approved", "approved"]);
    expect(watcher.getState().status?.match_number).toBeNull();
    expect(watcher.getState().result?.result_token).toBe("token-1");
    expect(await watcher.resultToken()).toBe("token-1");
  });

  test("sees each event once and in order, over a cut and repeated or early ones", async () => {
    watch({ lastSeq: 0 });
    const first = await server.welcome("watcher", true);
    expect(first.auth.last_seq).toBe(0);
    first.send("snapshot", pending(2));
    event(first, 1, "verification.created");
    event(first, 2, "delivery.queued");
    event(first, 2, "delivery.queued");
    event(first, 4, "delivery.accepted");
    await until("two events", () => seen.length === 2);
    first.cut();

    const second = await server.welcome("watcher", true);
    expect(second.auth.last_seq).toBe(2);
    second.send("snapshot", pending(5));
    for (const seq of [3, 4, 5]) event(second, seq, "delivery.accepted", pending(seq));
    await until("all", () => seen.length === 5);
    expect(seen.map((line) => line.split(" ")[0])).toEqual(["1", "2", "3", "4", "5"]);
  });

  test("follows the deliveries, although events tell them one by one", async () => {
    watch();
    const peer = await server.welcome("watcher");
    const at = new Date().toISOString();
    const first = { id: "dlv_1", channel: "websocket" as const, state: "queued" as const, at };
    peer.send("snapshot", pending(1, { deliveries: [first] }));
    const say = (seq: number, name: string, delivery_id: string, channel: string) =>
      peer.send("event", { name, at, delivery_id, channel, state: pending(seq) }, { seq });
    say(2, "delivery.displayed", "dlv_1", "websocket");
    say(3, "delivery.queued", "dlv_2", "sms");
    await until("both", () => seen.length === 2);
    const states = watcher.getState().status?.deliveries?.map(({ id, state }) => `${id} ${state}`);
    expect(states).toEqual(["dlv_1 displayed", "dlv_2 queued"]);
  });

  test("does not let an old event's state take back what a snapshot told", async () => {
    watch({ lastSeq: 1 });
    const peer = await server.welcome("watcher", true);
    peer.send("snapshot", pending(3, { stage: "code_entry" }));
    event(peer, 2, "verification.stage_changed", pending(2, { stage: "prompted" }));
    await until("the event", () => seen.length === 1);
    expect(watcher.getState().status?.stage).toBe("code_entry");
  });

  test("goes on from the snapshot when the server could not resume", async () => {
    watch({ lastSeq: 1 });
    const peer = await server.welcome("watcher", false);
    peer.send("snapshot", pending(9));
    event(peer, 10, "delivery.accepted");
    await until("the event", () => seen.length === 1);
    expect(seen).toEqual(["10 delivery.accepted"]);
  });

  test("learns of an end that came while it was away", async () => {
    watch();
    const peer = await server.welcome("watcher");
    peer.send("snapshot", { ...approved(7), result_token: "token-7" });
    await until("closed", () => watcher.getState().closed !== null);
    expect(seen).toEqual(["approved"]);
  });

  test("stays closed when the secret is not good", async () => {
    watch();
    (await server.peer()).close(4401);
    await until("closed", () => watcher.getState().connection === "closed");
    expect(watcher.getState().closed).toMatchObject({ kind: "unauthenticated", final: true });
  });

  test("repeats the server's ticks", async () => {
    watch();
    const peer = await server.welcome("watcher");
    peer.send("snapshot", pending(1));
    const server_time = new Date().toISOString();
    peer.send("tick", { verification_id: "ver_1", server_time, prompt_in: 87, session_in: 900 });
    await until("tick", () => watcher.getState().countdowns.session === 900);
    expect(watcher.getState().countdowns.prompt).toBe(87);
  });
});

describe("a watcher's actions", () => {
  test("carry the secret in a header and take over the new state", async () => {
    server.on("POST /api/v1/verifications/ver_1/check", () => ({
      body: { ...pending(5, { attempts_remaining: 2 }), ok: false },
    }));
    watch();
    expect((await watcher.check("123456")).ok).toBe(false);
    expect(watcher.getState().status?.attempts_remaining).toBe(2);
    expect(server.requests[0]).toMatchObject({
      headers: { "nod-client-secret": "secret" },
      body: { code: "123456" },
    });
  });

  test("turn a problem document into an error that says what to do", async () => {
    server.on("POST /api/v1/verifications/ver_1/resend", () =>
      problem(429, "cooldown", { detail: "Wait 40 seconds.", retry_after: 40 }),
    );
    watch();
    await expect(watcher.resend("sms")).rejects.toMatchObject({
      code: "cooldown",
      status: 429,
      retryAfter: 40,
      message: "Wait 40 seconds.",
      temporary: true,
    });
  });

  test("repeat a send whose answer was lost under the same key", async () => {
    let calls = 0;
    watch({
      fetch: async (input, init) => {
        if (++calls === 1) throw new TypeError("network");
        return await fetch(input, init);
      },
    });
    server.on("POST /api/v1/verifications/ver_1/next", () => ({ body: pending(6) }));
    await watcher.next();
    expect(calls).toBe(2);
    expect(server.requests.filter(({ method }) => method === "POST")).toHaveLength(1);
    expect(server.requests[0]?.headers["idempotency-key"]).toMatch(/^[\w-]{22}$/);
  });

  test("say so when the server cannot be reached", async () => {
    watch({ fetch: () => Promise.reject(new TypeError("network")) });
    await expect(watcher.cancel()).rejects.toMatchObject({ code: "network", status: 0 });
  });

  test("end the watch when they end the verification", async () => {
    server.on("POST /api/v1/verifications/ver_1/cancel", () => ({
      body: { ...pending(6), status: "canceled" },
    }));
    watch();
    await watcher.cancel();
    expect(seen).toEqual(["canceled"]);
    expect(watcher.getState().closed?.kind).toBe("finished");
  });

  test("fetch a new result token when the old one is about to end", async () => {
    server.on("GET /api/v1/verifications/ver_1", () => ({
      body: { ...approved(9), result_token: "fresh" },
    }));
    let now = Date.now();
    watch({ now: () => now, status: { ...approved(9), result_token: "old" } });
    expect(await watcher.resultToken()).toBe("old");
    now += 50_000;
    expect(await watcher.resultToken()).toBe("fresh");
  });
});

describe("without a WebSocket", () => {
  const stream = "GET /api/v1/verifications/ver_1/events";
  const poll = "GET /api/onboarding/verification-status";

  test("a watcher follows the event stream", async () => {
    server.refuseSockets = 403;
    server.on(stream, () => ({
      stream: (response) => {
        const say = (name: string, data: object, id = "") =>
          response.write(`event: ${name}\n${id && `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
        say("snapshot", pending(2));
        say("event", { name: "delivery.accepted", at: "" }, "3");
        say("result", { verification_id: "ver_1", status: "denied" }, "3");
      },
    }));
    watch();
    await until("finished", () => watcher.getState().closed?.kind === "finished");
    expect(seen).toEqual(["3 delivery.accepted", "denied"]);
    expect(server.requests[0]?.headers).toMatchObject({
      "nod-client-secret": "secret",
      accept: "text/event-stream",
    });
    expect(server.dials).toBe(2);
  });

  test.each([
    ["there is none", undefined],
    [
      "the browser refuses to make one",
      class {
        constructor() {
          throw new DOMException("not from https", "SecurityError");
        }
      } as unknown as SocketConstructor,
    ],
  ])("a watcher follows the event stream where %s", async (_, webSocket) => {
    vi.stubGlobal("WebSocket", undefined);
    server.on(stream, () => ({
      stream: (response) =>
        response.write(`event: snapshot\ndata: ${JSON.stringify(pending(2))}\n\n`),
    }));
    watch({ webSocket });
    await until("open", () => watcher.getState().connection === "open");
    expect(watcher.getState().transport).toBe("sse");
    expect(server.dials).toBe(0);
  });

  test("it resumes the stream after the last event", async () => {
    server.refuseSockets = 403;
    server.on(stream, ({ headers }) => ({
      stream: (response) => {
        const next = Number(headers["last-event-id"] ?? 0) + 1;
        const data = JSON.stringify({ name: "delivery.accepted", at: "" });
        response.end(`event: event\nid: ${next}\ndata: ${data}\n\n`);
      },
    }));
    watch({ lastSeq: 0 });
    await until("three streams", () => seen.length >= 3);
    expect(seen.slice(0, 3).map((line) => line[0])).toEqual(["1", "2", "3"]);
  });

  test("and without a stream it asks again and again", async () => {
    server.refuseSockets = 403;
    server.on(stream, () => ({ status: 502, body: "no" }));
    let asked = 0;
    server.on(poll, () => ({
      body: ++asked === 1 ? pending(2) : { ...approved(5), method: "app" },
    }));
    watch();
    await until("finished", () => watcher.getState().closed?.kind === "finished");
    const polls = server.requests.filter(({ path }) => path.startsWith("/api/onboarding"));
    expect(polls.map(({ path }) => path.split("?")[1])).toEqual([
      "verification_id=ver_1",
      "verification_id=ver_1&wait=25&since_seq=2",
    ]);
    expect(seen).toEqual(["approved"]);
  });

  test("it asks anew when someone looks again after a sleep", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    server.refuseSockets = 403;
    let streams = 0;
    server.on(stream, () => ({
      stream: (response) => {
        const data = JSON.stringify(pending(++streams));
        response.write(`event: snapshot\ndata: ${data}\n\n`); // and no more: the network is gone
      },
    }));
    watch();
    await until("the first stream", () => watcher.getState().status?.seq === 1);
    watcher.wake();
    vi.setSystemTime(Date.now() + 60_000);
    watcher.wake();
    await until("the second stream", () => watcher.getState().status?.seq === 2);
    expect(streams).toBe(2);
    expect(watcher.getState().connection).toBe("open");
  });

  test("a look while the stream is on its way does not give it up", async () => {
    server.refuseSockets = 403;
    let answer: (reply: Reply) => void = () => undefined;
    server.on(stream, () => new Promise<Reply>((resolve) => (answer = resolve)));
    server.on(poll, () => ({ body: pending(1) }));
    watch();
    await until("asked", () => server.requests.length === 1);
    watcher.wake();
    answer({
      stream: (response) =>
        response.write(`event: snapshot\ndata: ${JSON.stringify(pending(1))}\n\n`),
    });
    await until("open", () => watcher.getState().connection === "open");
    expect(watcher.getState().transport).toBe("sse");
    expect(server.requests).toHaveLength(1);
  });

  test("it stops when the secret is refused", async () => {
    server.refuseSockets = 403;
    server.on(stream, () => problem(404, "not_found"));
    watch();
    await until("closed", () => watcher.getState().connection === "closed");
    expect(watcher.getState().closed?.kind).toBe("unauthenticated");
    expect(server.requests).toHaveLength(1);
  });

  test("it goes back to the WebSocket after an outage", async () => {
    server.refuseSockets = 503;
    watch({
      fetch: () => {
        server.refuseSockets = null;
        return Promise.reject(new TypeError("down"));
      },
    });
    await server.welcome("watcher");
    await until("open", () => watcher.getState().transport === "websocket");
  });
});

describe("a watcher that nobody needs any more", () => {
  const alone = () => {
    vi.useFakeTimers();
    watch({ webSocket: SilentSocket, lastSeq: 0 });
    const socket = SilentSocket.all.at(-1) as SilentSocket;
    socket.receive("welcome", { server_time: new Date().toISOString(), resumed: true });
    socket.receive("snapshot", pending(1));
    return socket;
  };

  test("leaves no timer after a stop, not even with an event missing", () => {
    alone().receive("event", { name: "delivery.accepted", at: "" }, { seq: 5 });
    watcher.stop();
    expect(watcher.getState().closed?.kind).toBe("stopped");
    expect(vi.getTimerCount()).toBe(0);
  });

  test("of what ended as it began tells each event", async () => {
    watch({ lastSeq: 0 });
    const peer = await server.welcome("watcher", true);
    peer.send("snapshot", approved(3));
    event(peer, 1, "verification.created", approved(3));
    event(peer, 2, "verification.skipped_trusted", approved(3));
    event(peer, 3, "verification.approved", approved(3));
    await until("closed", () => watcher.getState().closed !== null);
    expect(seen).toEqual([
      "approved",
      "1 verification.created",
      "2 verification.skipped_trusted",
      "3 verification.approved",
    ]);
  });

  test("leaves no timer after the result", () => {
    alone().receive("result", { verification_id: "ver_1", status: "denied" }, { seq: 1 });
    vi.advanceTimersByTime(2_000);
    expect(watcher.getState().closed?.kind).toBe("finished");
    expect(vi.getTimerCount()).toBe(0);
  });

  test("asks once for what is missing, then goes on without it", () => {
    const event = { name: "delivery.accepted", at: "" };
    const first = alone();
    first.receive("event", event, { seq: 3 });
    vi.advanceTimersByTime(5_000);
    expect(first.closed).toBe(true);
    expect(seen).toEqual([]);
    SilentSocket.all.at(-1)?.receive("welcome", { resumed: true });
    vi.advanceTimersByTime(5_000);
    expect(seen).toEqual(["3 delivery.accepted"]);
  });

  test("counts down by itself while no ticks come", () => {
    alone();
    vi.advanceTimersByTime(10_000);
    expect(watcher.getState().countdowns.prompt).toBe(110);
  });
});
