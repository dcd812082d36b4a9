import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Connection, type ConnectionChange, type ConnectionOptions } from "./connection.ts";
import { socketUrl } from "./rest.ts";
import { nodeSocket, TestServer } from "./testing/server.ts";
import { SilentSocket } from "./testing/silent.ts";
import { until } from "./testing/wait.ts";

describe("a connection", () => {
  let server: TestServer;
  let connection: Connection;
  const changes: ConnectionChange[] = [];

  beforeEach(async () => {
    changes.length = 0;
    server = await TestServer.start();
  });
  afterEach(async () => {
    connection.dispose();
    await server.stop();
  });

  const connect = (options: Partial<ConnectionOptions> = {}): Connection => {
    connection = new Connection({
      url: socketUrl(server.baseUrl),
      webSocket: nodeSocket,
      authenticate: ({ nonce }) => ({ token: `signed ${nonce}` }),
      random: () => 0,
      ...options,
    });
    connection.on("state", (change) => changes.push(change));
    connection.start();
    return connection;
  };

  test("answers the challenge, is welcomed, and carries frames both ways in order", async () => {
    const frames: unknown[] = [];
    connect().on("frame", ({ type, data }) => frames.push([type, data]));
    const peer = await server.welcome("console");
    expect(peer.auth).toEqual({ token: "signed nonce-1" });
    await until("open", () => connection.state === "open");
    for (const n of [1, 2, 3]) peer.send("tick", n);
    await until("three frames", () => frames.length === 3);
    expect(frames).toEqual([1, 2, 3].map((n) => ["tick", n]));
    expect(connection.send({ type: "sync" })).toBe(true);
    await peer.next("sync");
    expect(changes.map((change) => change.state)).toEqual(["connecting", "open"]);
  });

  test("ignores what it does not know and what is no frame", async () => {
    const frames: string[] = [];
    connect().on("frame", ({ type }) => frames.push(type));
    const peer = await server.welcome("console");
    peer.send("from_the_future", {});
    peer.send("tick", {});
    await until("both", () => frames.length === 2);
    expect(connection.state).toBe("open");
  });

  test("comes back by itself after the network was cut", async () => {
    connect();
    (await server.welcome("console")).cut();
    await server.welcome("console");
    await until("open again", () => changes.length === 5 && connection.state === "open");
    expect(changes.map((change) => change.state)).toEqual([
      "connecting",
      "open",
      "connecting",
      "connecting",
      "open",
    ]);
    expect(changes[2]?.reason?.kind).toBe("lost");
  });

  test.each([
    [4401, "unauthenticated"],
    [4409, "replaced"],
  ])("stays closed after %i and says why", async (code, kind) => {
    connect();
    (await server.welcome("device")).close(code);
    await until("closed", () => connection.state === "closed");
    expect(connection.change.reason).toEqual({ kind, code, final: true });
    expect(connection.change.retryAt).toBeNull();
  });

  test.each([
    [1001, "draining"],
    [1013, "busy"],
    [4429, "too_fast"],
    [4400, "lost"],
  ])("comes back after %i", async (code, kind) => {
    connect();
    (await server.welcome("device")).close(code);
    await server.welcome("device");
    expect(changes.find((change) => change.reason)?.reason?.kind).toBe(kind);
  });

  test("stays closed when the device was revoked", async () => {
    connect();
    const peer = await server.welcome("device");
    peer.send("bye", { reason: "revoked" });
    peer.close(4403);
    await until("closed", () => connection.state === "closed");
    expect(connection.change.reason?.kind).toBe("revoked");
  });

  test("waits as long as the server asked, even when someone looks again", async () => {
    connect();
    const peer = await server.welcome("device");
    const before = Date.now();
    peer.send("bye", { reason: "draining", reconnect_after_ms: 300 });
    peer.close(1001);
    await until("waiting", () => connection.change.retryAt !== null);
    connection.wake();
    await server.welcome("device");
    expect(Date.now() - before).toBeGreaterThanOrEqual(290);
  });

  test("does not wait any longer once someone looks again", async () => {
    connect({ random: () => 0.99, backoff: { firstMs: 60_000, maxMs: 60_000 } });
    (await server.welcome("device")).cut();
    await until("waiting", () => connection.change.retryAt !== null);
    connection.wake();
    await server.welcome("device");
    await until("open", () => connection.state === "open");
  });

  test("does nothing more after a stop, and starts again", async () => {
    connect();
    await server.welcome("device");
    await until("open", () => connection.state === "open");
    connection.stop();
    expect(connection.change.reason?.kind).toBe("stopped");
    expect(connection.send({ type: "sync" })).toBe(false);
    connection.start();
    await server.welcome("device");
    await until("open", () => connection.state === "open");
  });

  test("probes a silent connection and keeps it when it answers", async () => {
    connect({ silence: { afterMs: () => 30, probe: { type: "sync" } } });
    const peer = await server.welcome("device");
    await peer.next("sync");
    peer.send("prompts", { prompts: [] });
    await until("open", () => connection.state === "open");
    expect(server.dials).toBe(1);
  });
});

describe("the pace of a connection", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    SilentSocket.all.length = 0;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const connect = (random: number, silence?: ConnectionOptions["silence"]) => {
    const connection = new Connection({
      url: "ws://nod.example/ws",
      webSocket: SilentSocket,
      authenticate: () => ({}),
      random: () => random,
      silence,
    });
    connection.start();
    return connection;
  };
  const newest = () => SilentSocket.all.at(-1) as SilentSocket;

  test("slows down from half a second to thirty while nobody answers", () => {
    const connection = connect(0.999999);
    const waits: number[] = [];
    for (let round = 0; round < 8; round++) {
      newest().onclose?.({ code: 1006, reason: "" });
      waits.push(Math.round(((connection.change.retryAt ?? 0) - Date.now()) / 100) / 10);
      vi.advanceTimersToNextTimer();
    }
    expect(waits).toEqual([0.5, 1, 2, 4, 8, 16, 30, 30]);
    expect(SilentSocket.all).toHaveLength(9);
    expect(connection.change.failures).toBe(8);
    connection.dispose();
  });

  test("starts over only after a connection that stood for a while", () => {
    const connection = connect(0.999999);
    const wait = () => Math.round((connection.change.retryAt ?? 0) - Date.now());
    newest().onclose?.({ code: 1006, reason: "" });
    vi.advanceTimersToNextTimer();
    newest().receive("welcome", {});
    newest().onclose?.({ code: 1013, reason: "" });
    expect(wait()).toBe(999);
    vi.advanceTimersToNextTimer();
    newest().receive("welcome", {});
    vi.advanceTimersByTime(10_000);
    newest().onclose?.({ code: 1013, reason: "" });
    expect(wait()).toBe(499);
    connection.dispose();
  });

  test("gives up on a server that never says welcome", () => {
    const connection = connect(0);
    vi.advanceTimersByTime(10_000);
    expect(newest().closed).toBe(true);
    expect(connection.change.reason?.kind).toBe("lost");
    connection.dispose();
  });

  test("takes a connection for dead when a probe is not answered", () => {
    const connection = connect(0, { afterMs: () => 50_000, probe: { type: "sync" } });
    const socket = newest();
    socket.receive("welcome", {});
    vi.advanceTimersByTime(49_000);
    socket.receive("tick", {});
    vi.advanceTimersByTime(49_000);
    expect(socket.sent).toEqual([]);
    vi.advanceTimersByTime(1_000);
    expect(socket.sent).toEqual(['{"type":"sync"}']);
    vi.advanceTimersByTime(5_000);
    expect(socket.closed).toBe(true);
    expect(connection.change.reason?.kind).toBe("silent");
    connection.dispose();
  });

  test("takes a connection for dead that does not take what is sent", () => {
    const connection = connect(0);
    newest().receive("welcome", {});
    newest().bufferedAmount = 100_000;
    expect(connection.send({ type: "sync" })).toBe(false);
    expect(connection.change.reason?.kind).toBe("silent");
    connection.dispose();
  });

  test.each(["while dialling", "while open", "while waiting"])(
    "leaves no timer when stopped %s",
    (moment) => {
      const connection = connect(0.5, { afterMs: () => 1000 });
      if (moment !== "while dialling") newest().receive("welcome", {});
      if (moment === "while waiting") newest().onclose?.({ code: 1006, reason: "" });
      connection.stop();
      expect(vi.getTimerCount()).toBe(0);
      vi.advanceTimersByTime(60_000);
      expect(SilentSocket.all).toHaveLength(1);
    },
  );
});
