import { execFile } from "node:child_process";
import { webcrypto } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createContext, runInContext } from "node:vm";
import { build, type Rolldown } from "vite";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { proving } from "./testing/bodies.ts";
import { nodeSocket, problem, TestServer } from "./testing/server.ts";

// The client as it is shipped, outside of every test environment: it is built, and what comes out
// runs where there is no page and nothing but what the README says that it needs.

/** Proves a number from the send to the end, and says what it saw. Plain JavaScript for both places. */
const drive = `async (client, baseUrl) => {
  const phone = new client.PhoneVerification({
    baseUrl,
    fetchToken: async () => "token-1",
    random: () => 0,
  });
  const events = [];
  phone.on("event", ({ event }) => events.push(event.name));
  const when = (holds) => new Promise((resolve) => {
    const look = () => holds(phone.getState()) && resolve();
    phone.subscribe(look);
    look();
  });
  phone.start();
  const sent = await phone.send("+14155550123");
  await when((state) => state.connection === "open" && state.status.seq === 2);
  const { transport } = phone.getState();
  const wrong = await phone.check("000000");
  const right = await phone.check("123456");
  await when((state) => state.phase === "approved");
  const token = await phone.resultToken();
  phone.dispose();
  return JSON.stringify({ sent, transport, wrong, right, token, events });
}`;

const bundle = async (format: "es" | "iife"): Promise<string> => {
  const entry = fileURLToPath(new URL("index.ts", import.meta.url));
  const built = (await build({
    configFile: false,
    logLevel: "silent",
    build: {
      write: false,
      minify: false,
      target: "es2022",
      lib: { entry, formats: [format], name: "nod" },
    },
  })) as Rolldown.RolldownOutput[];
  return built[0]?.output[0].code ?? "";
};

let server: TestServer;
let script: string;
let module: string;

beforeAll(async () => {
  [module, script] = await Promise.all([bundle("es"), bundle("iife")]);
}, 60_000);

beforeEach(async () => {
  server = await TestServer.start();
  server.on("POST /api/onboarding/send-verification", () => ({
    status: 202,
    body: proving(1, { client_secret: "secret-1" }),
  }));
  const end = { status: "approved", method: "sms_code", result_token: "result-1" } as const;
  server.on("POST /api/v1/verifications/ver_1/check", ({ body }) => ({
    body: body.code === "123456" ? { ...proving(3, end), ok: true } : { ...proving(2), ok: false },
  }));
});
afterEach(async () => {
  await server.stop();
});

const event = { name: "delivery.delivered", at: "", state: proving(2) };
const seen = { sent: true, wrong: false, right: true, token: "result-1" };

// What each way of following gets to hear. The last one to be let through is the one used.
const ways = {
  websocket: () => {
    void server.welcome("watcher", true).then((peer) => peer.send("event", event, { seq: 2 }));
    return { ...seen, transport: "websocket", events: [event.name] };
  },
  sse: () => {
    server.refuseSockets = 403;
    server.on("GET /api/v1/verifications/ver_1/events", () => ({
      stream: (response) =>
        response.write(`event: event\nid: 2\ndata: ${JSON.stringify(event)}\n\n`),
    }));
    return { ...seen, transport: "sse", events: [event.name] };
  },
  poll: () => {
    server.refuseSockets = 403;
    server.on("GET /api/v1/verifications/ver_1/events", () => problem(502, "bad_answer"));
    server.on("GET /api/onboarding/verification-status", () => ({ body: proving(2) }));
    return { ...seen, transport: "poll", events: [] };
  },
};

describe("in a context that has nothing but the language", () => {
  // All that the client asks of a runtime; the README of the package names the same.
  const given = {
    fetch,
    WebSocket: nodeSocket,
    crypto: webcrypto,
    AbortController,
    URLSearchParams,
    TextEncoder,
    TextDecoder,
    atob,
    btoa,
    setTimeout,
    clearTimeout,
    setInterval,
    clearInterval,
    queueMicrotask,
  };

  test.each(Object.entries(ways))("the client proves a number over %s", async (_, way) => {
    const expected = way();
    const context = createContext({ ...given });
    runInContext(script, context);
    const run = runInContext(`(baseUrl) => (${drive})(nod, baseUrl)`, context);
    expect(JSON.parse(await run(server.baseUrl))).toEqual(expected);
  });

  test("without a network it says so by name, although the error comes from elsewhere", async () => {
    const context = createContext({ ...given, baseUrl: "http://127.0.0.1:1" });
    runInContext(script, context);
    const code = await runInContext(
      `const calls = new nod.Onboarding({ baseUrl, fetchToken: () => "token-1" });
       calls.send("+14155550123").catch((error) => error.code)`,
      context,
    );
    expect(code).toBe("network");
  });
});

describe("in a process of plain Node", { timeout: 30_000 }, () => {
  const run = async (...flags: string[]) => {
    const folder = await mkdtemp(join(tmpdir(), "nod-client-"));
    try {
      await writeFile(join(folder, "client.mjs"), module);
      const main = `import * as client from "./client.mjs";
        console.log(await (${drive})(client, process.argv[2]));`;
      await writeFile(join(folder, "main.mjs"), main);
      // It must end by itself: then no timer and no socket is left.
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ["--no-warnings", ...flags, "main.mjs", server.baseUrl],
        { cwd: folder, timeout: 20_000 },
      );
      return JSON.parse(stdout);
    } finally {
      await rm(folder, { recursive: true });
    }
  };

  test("the client proves a number over the WebSocket that Node has", async () => {
    const expected = ways.websocket();
    expect(await run("--experimental-websocket")).toEqual(expected);
  });

  test("and over an event stream where Node has none", async () => {
    const expected = ways.sse();
    expect(await run("--no-experimental-websocket")).toEqual(expected);
    expect(server.dials).toBe(0);
  });
});
