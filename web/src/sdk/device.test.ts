import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Device } from "./device.ts";
import { sha256 } from "./encoding.ts";
import { type PublicJwk, publicJwk, verifyJws } from "./jws.ts";
import { type KeyStore, makeEncryptKeys, makeSignKeys, memoryKeyStore } from "./keys.ts";
import { Authority } from "./testing/authority.ts";
import { seal } from "./testing/sealing.ts";
import { nodeSocket, type Peer, problem, type Request, TestServer } from "./testing/server.ts";
import { SilentSocket } from "./testing/silent.ts";
import { until } from "./testing/wait.ts";

let server: TestServer;
let authority: Authority;
let keys: KeyStore;
let deviceKey: PublicJwk;
let pushKey: CryptoKey;
let device: Device;
let told: string[];

beforeEach(async () => {
  told = [];
  server = await TestServer.start();
  authority = await Authority.make(server.baseUrl);
  keys = memoryKeyStore();
  const sign = await makeSignKeys();
  deviceKey = await publicJwk(sign.publicKey);
  const encrypt = await makeEncryptKeys();
  pushKey = encrypt.publicKey;
  const record = {
    id: "dev_1",
    userId: "u1",
    name: "Phone",
    baseUrl: server.baseUrl,
    audience: server.baseUrl,
    jwks: authority.jwks,
    signKey: sign.privateKey,
    encryptKey: encrypt.privateKey,
    createdAt: "",
  };
  device = new Device({ record, keys, slot: "1", webSocket: nodeSocket, random: () => 0 });
  device.on("prompt", ({ verificationId }) => told.push(`prompt ${verificationId}`));
  device.on("closed", ({ verification_id, reason }) => told.push(`${reason} ${verification_id}`));
  device.on("refused", ({ reason }) => told.push(`refused ${reason}`));
});
afterEach(async () => {
  vi.useRealTimers();
  device.dispose();
  await server.stop();
});

const online = async (): Promise<Peer> => {
  device.start();
  const peer = await server.welcome("device");
  await until("open", () => device.getState().connection === "open");
  return peer;
};
const readToken = async (token: unknown, typ: string) =>
  await verifyJws(String(token), typ, { keys: [deviceKey] });
const bearer = ({ headers }: Request) => String(headers.authorization).replace("Device ", "");

describe("a device", () => {
  test("signs the challenge to connect", async () => {
    const peer = await online();
    const claims = await readToken(peer.auth.token, "nod-device+jwt");
    expect(claims).toMatchObject({ iss: "dev_1", aud: server.baseUrl, nonce: "nonce-1" });
    expect(Number(claims.exp) - Number(claims.iat)).toBeLessThanOrEqual(60);
  });

  test("shows what the server signed and nothing else, and acknowledges it", async () => {
    const peer = await online();
    const frame = await authority.prompt("dev_1", 1);
    peer.send("prompt", { ...frame, context: { app: "Evil Bank" }, match: { digits: 0 } });
    expect((await peer.next("ack")).data).toEqual({ delivery_id: "dlv_1" });
    const [prompt] = device.getState().prompts;
    expect(prompt).toMatchObject({
      verificationId: "ver_1",
      context: { app: "Nod Demo Bank", location: "Zürich" },
      digits: 3,
    });
    expect(prompt && device.remaining(prompt)).toBeGreaterThan(118);
    expect(told).toEqual(["prompt ver_1"]);
  });

  test.each([
    ["another device", { aud: "dev_2" }, "wrong_audience"],
    ["another server", { iss: "https://evil.example" }, "wrong_issuer"],
    ["another verification", { verification_id: "ver_9" }, "mismatch"],
  ])("shows no request that was signed for %s", async (_whom, claims, reason) => {
    const peer = await online();
    peer.send("prompt", await authority.prompt("dev_1", 1, claims));
    await until("refused", () => told.length === 1);
    expect(told).toEqual([`refused ${reason}`]);
    expect(device.getState().prompts).toEqual([]);
  });

  test("shows no request that another key signed", async () => {
    const peer = await online();
    const forger = await Authority.make(server.baseUrl);
    peer.send("prompt", await forger.prompt("dev_1", 1));
    await until("refused", () => told.length === 1);
    expect(told).toEqual(["refused bad_signature"]);
  });

  test("learns the server's next key when it meets it", async () => {
    const next = await Authority.make(server.baseUrl, "k2");
    server.on("GET /.well-known/jwks.json", () => ({ body: next.jwks }));
    const peer = await online();
    peer.send("prompt", await next.prompt("dev_1", 1));
    await peer.next("ack");
    expect((await keys.load("1"))?.jwks).toEqual(next.jwks);
  });

  test("takes the whole list after each connection: what is missing has ended", async () => {
    const peer = await online();
    peer.send("prompts", { prompts: [await authority.prompt("dev_1", 1)] });
    await peer.next("ack");
    peer.cut();
    const again = await server.welcome("device");
    again.send("prompts", { prompts: [await authority.prompt("dev_1", 2)] });
    await again.next("ack");
    await until("the first is gone", () => told.includes("gone ver_1"));
    expect(device.getState().prompts.map((prompt) => prompt.verificationId)).toEqual(["ver_2"]);
  });

  test("takes a request away when it was answered elsewhere", async () => {
    const peer = await online();
    peer.send("prompt", await authority.prompt("dev_1", 1));
    peer.send("prompt_closed", { verification_id: "ver_1", reason: "code_used" });
    await until("closed", () => told.includes("code_used ver_1"));
    expect(device.getState().prompts).toEqual([]);
  });

  test("takes a request away at its end, also while offline", async () => {
    const peer = await online();
    const expires_at = new Date(Date.now() + 200).toISOString();
    peer.send("prompt", await authority.prompt("dev_1", 1, { expires_at }));
    await peer.next("ack");
    device.stop();
    await until("expired", () => told.includes("expired ver_1"));
  });

  test("tells once that a request is seen, and when the app is left", async () => {
    const peer = await online();
    peer.send("prompt", await authority.prompt("dev_1", 1));
    await peer.next("ack");
    await device.displayed("ver_1");
    await device.displayed("ver_1");
    expect((await peer.next("displayed")).data).toEqual({ delivery_id: "dlv_1" });
    device.away();
    await peer.next("away");
  });
});

describe("an answer", () => {
  const asked = async (): Promise<{ peer: Peer; signed: string }> => {
    const peer = await online();
    const frame = await authority.prompt("dev_1", 1);
    peer.send("prompt", frame);
    await peer.next("ack");
    return { peer, signed: frame.signed };
  };

  test("is bound to exactly what was shown", async () => {
    const { peer, signed } = await asked();
    const answer = device.respond("ver_1", { decision: "approve", number: "042" });
    const { token } = (await peer.next("respond")).data as { token: string };
    expect(await readToken(token, "nod-answer+jwt")).toMatchObject({
      iss: "dev_1",
      aud: server.baseUrl,
      verification_id: "ver_1",
      prompt_sha256: await sha256(signed),
      decision: "approve",
      number: "042",
    });
    peer.send("prompt_closed", { verification_id: "ver_1", reason: "approved" });
    peer.send("prompt_result", { verification_id: "ver_1", accepted: true });
    expect(await answer).toEqual({ verification_id: "ver_1", accepted: true });
    expect(device.getState().prompts).toEqual([]);
    expect(told).toEqual(["prompt ver_1"]);
  });

  test("that is refused says why", async () => {
    const { peer } = await asked();
    const answer = device.respond("ver_1", { decision: "approve", number: "1" });
    const { id } = await peer.next("respond");
    await expect(device.respond("ver_1", { decision: "deny" })).rejects.toMatchObject({
      code: "in_progress",
    });
    peer.send("error", { code: "conflict", message: "Open the newest request." }, { id });
    await expect(answer).rejects.toMatchObject({ code: "conflict" });
    expect(device.getState().prompts).toHaveLength(1);
  });

  test("goes over REST, the same words, when the socket breaks meanwhile", async () => {
    server.on("POST /api/v1/prompts/ver_1/respond", () => ({
      body: { verification_id: "ver_1", accepted: true },
    }));
    const { peer } = await asked();
    const answer = device.respond("ver_1", { decision: "deny" });
    const { token } = (await peer.next("respond")).data as { token: string };
    peer.cut();
    expect((await answer).accepted).toBe(true);
    expect(server.requests.at(-1)?.body).toEqual({ token });
  });

  test("to nothing is no answer", async () => {
    await expect(device.respond("ver_1", { decision: "deny" })).rejects.toMatchObject({
      code: "not_found",
    });
  });
});

describe("a device that is offline", () => {
  test("reads and answers over REST, each call with a token of its own", async () => {
    const frame = await authority.prompt("dev_1", 1);
    server.on("GET /api/v1/prompts", () => ({ body: { prompts: [frame] } }));
    server.on("POST /api/v1/prompts/ver_1/ack", () => ({ status: 204 }));
    server.on("POST /api/v1/prompts/ver_1/respond", () => ({
      body: { verification_id: "ver_1", accepted: true },
    }));
    expect(await device.fetchPrompts()).toHaveLength(1);
    await device.respond("ver_1", { decision: "approve", number: "042" });
    const tokens = await Promise.all(
      server.requests.map((request) => readToken(bearer(request), "nod-device+jwt")),
    );
    expect(server.requests.map(({ path }) => path)).toEqual([
      "/api/v1/prompts",
      "/api/v1/prompts/ver_1/ack",
      "/api/v1/prompts/ver_1/respond",
    ]);
    expect(new Set(tokens.map(({ jti }) => jti)).size).toBe(3);
  });

  test("opens the request that a push was about, and acknowledges the push", async () => {
    const frame = await authority.prompt("dev_1", 1);
    server.on("GET /api/v1/prompts", () => ({ body: { prompts: [frame] } }));
    server.on("POST /api/v1/prompts/ver_1/ack", () => ({ status: 204 }));
    const data = { type: "prompt", verification_id: "ver_1", delivery_id: "dlv_push" };
    expect((await device.openPush(data))?.verificationId).toBe("ver_1");
    expect(server.requests.map(({ body }) => body.delivery_id)).toEqual([
      undefined,
      "dlv_1",
      "dlv_push",
    ]);
  });

  test("opens what a push has sealed in it, without a question", async () => {
    server.on("POST /api/v1/prompts/ver_1/ack", () => ({ status: 204 }));
    const { signed } = await authority.prompt("dev_1", 1);
    const jwe = await seal(signed, pushKey);
    const data = { type: "prompt", verification_id: "ver_1", delivery_id: "dlv_1", jwe };
    expect(await device.openPush(data)).toMatchObject({ verificationId: "ver_1", digits: 3 });
    expect(server.requests.map(({ path }) => path)).toEqual(["/api/v1/prompts/ver_1/ack"]);
  });

  test.each([
    ["by another key", async () => (await Authority.make(server.baseUrl)).prompt("dev_1", 1)],
    ["about another request", async () => authority.prompt("dev_1", 2)],
    ["for another device", async () => authority.prompt("dev_2", 1)],
  ])("does not believe a push that was signed %s, and asks", async (_how, forge) => {
    server.on("GET /api/v1/prompts", () => ({ body: { prompts: [] } }));
    const jwe = await seal((await forge()).signed, pushKey);
    const data = { type: "prompt", verification_id: "ver_1", delivery_id: "dlv_1", jwe };
    expect(await device.openPush(data)).toBeNull();
    expect(told).toEqual([expect.stringMatching(/^refused /)]);
    expect(server.requests.map(({ path }) => path)).toEqual(["/api/v1/prompts"]);
  });

  test("is told by a push that a request is over", async () => {
    const { signed } = await authority.prompt("dev_1", 1);
    const about = { type: "prompt", verification_id: "ver_1" };
    await device.openPush({ ...about, jwe: await seal(signed, pushKey) });
    expect(await device.openPush({ ...about, type: "prompt_closed" })).toBeNull();
    expect(told).toEqual(["prompt ver_1", "gone ver_1"]);
    expect(await device.openPush("rubbish")).toBeNull();
  });

  test("says which provider wakes it", async () => {
    const own = { id: "dev_1", push: { provider: "webpush" } };
    server.on("GET /api/v1/users/u1/devices", () => ({ body: { devices: [own] } }));
    expect(await device.pushProvider()).toBe("webpush");
    server.on("GET /api/v1/users/u1/devices", () => ({ body: { devices: [{ id: "dev_1" }] } }));
    expect(await device.pushProvider()).toBeNull();
  });

  test("switches push off and on", async () => {
    server.on("PATCH /api/v1/devices/dev_1", () => ({ body: {} }));
    await device.setPush(null);
    await device.setPush({ provider: "fcm", token: "sim-1" });
    expect(server.requests.map(({ body }) => body)).toEqual([
      { push: null },
      { push: { provider: "fcm", token: "sim-1" } },
    ]);
  });

  test("signs again by the server's clock when its own was too far off", async () => {
    let calls = 0;
    const date = new Date(Date.now() + 600_000).toUTCString();
    server.on("PATCH /api/v1/devices/dev_1", () =>
      ++calls === 1 ? { ...problem(401, "unauthenticated"), headers: { date } } : { status: 204 },
    );
    await device.rename("Pixel");
    const [first, second] = await Promise.all(
      server.requests.map((request) => readToken(bearer(request), "nod-device+jwt")),
    );
    expect(Number(second?.iat) - Number(first?.iat)).toBeGreaterThan(590);
    expect((await keys.load("1"))?.name).toBe("Pixel");
  });
});

test("a disposed device leaves no timer", async () => {
  const frame = await authority.prompt("dev_1", 1);
  vi.useFakeTimers();
  const { record } = device;
  device.dispose();
  device = new Device({ record, keys, slot: "1", webSocket: SilentSocket });
  device.start();
  const socket = SilentSocket.all.at(-1) as SilentSocket;
  socket.receive("welcome", { heartbeat_seconds: 25 });
  socket.receive("prompt", frame);
  await vi.waitFor(() => expect(socket.sent).toHaveLength(1));
  expect(vi.getTimerCount()).toBe(2);
  device.dispose();
  expect(vi.getTimerCount()).toBe(0);
});
