import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { publicJwk, verifyJws } from "../sdk/jws.ts";
import { type KeyStore, makeEncryptKeys, makeSignKeys, memoryKeyStore } from "../sdk/keys.ts";
import { Authority } from "../sdk/testing/authority.ts";
import { seal } from "../sdk/testing/sealing.ts";
import { problem, TestServer } from "../sdk/testing/server.ts";
import { until } from "../sdk/testing/wait.ts";
import type { WorkerMessage } from "./messages.ts";
import type { Notice, NoticeOptions } from "./notices.ts";
import { type PhoneWindow, PhoneWorker } from "./phoneworker.ts";

type Shown = Notice & NoticeOptions & { title: string };

/** What a browser shows, as far as the Notifications API says it. */
class Screen {
  readonly scope: string;
  notices: Shown[] = [];
  /** Every call, for what is gone again. */
  readonly calls: string[] = [];
  readonly subscribed: { userVisibleOnly: boolean; key: number }[] = [];

  constructor(scope: string) {
    this.scope = scope;
  }

  readonly pushManager = {
    subscribe: async (options: { userVisibleOnly: boolean; applicationServerKey: Uint8Array }) => {
      const { userVisibleOnly, applicationServerKey } = options;
      this.subscribed.push({ userVisibleOnly, key: applicationServerKey.length });
      return { endpoint: "https://push.example/new" } as unknown as PushSubscription;
    },
  };

  async showNotification(title: string, options: NoticeOptions): Promise<void> {
    this.calls.push(`${options.silent ? "silent" : "shown"} ${options.tag}`);
    const close = () => {
      this.notices = this.notices.filter((one) => one !== notice);
    };
    const notice: Shown = { ...options, title, close };
    this.notices = [...this.notices.filter(({ tag }) => tag !== options.tag), notice];
  }

  async getNotifications({ tag }: { tag?: string } = {}): Promise<Shown[]> {
    return this.notices.filter((one) => tag === undefined || one.tag === tag);
  }
}

/** A page of this browser; `shows` is what it answers the worker. */
class Page implements PhoneWindow {
  readonly heard: WorkerMessage[] = [];
  focused = 0;
  readonly url: string;
  readonly visibilityState: string;
  readonly #shows: boolean;

  constructor(url: string, visibilityState = "hidden", shows = false) {
    this.url = url;
    this.visibilityState = visibilityState;
    this.#shows = shows;
  }

  async focus(): Promise<void> {
    this.focused++;
  }

  postMessage(message: WorkerMessage, [port]: MessagePort[]): void {
    this.heard.push(message);
    port?.postMessage(this.#shows);
  }
}

let server: TestServer;
let authority: Authority;
let keys: KeyStore;
let pushKey: CryptoKey;
let signKey: CryptoKey;
let screen: Screen;
let pages: Page[];
let opened: string[];
let worker: PhoneWorker;

beforeEach(async () => {
  server = await TestServer.start();
  authority = await Authority.make(server.baseUrl);
  server.on("GET /api/v1/prompts", () => ({ body: { prompts: [] } }));
  for (const id of ["ver_1", "ver_2"]) {
    server.on(`POST /api/v1/prompts/${id}/ack`, () => ({ status: 204 }));
  }
  keys = memoryKeyStore();
  const [sign, encrypt] = await Promise.all([makeSignKeys(), makeEncryptKeys()]);
  [signKey, pushKey] = [sign.publicKey, encrypt.publicKey];
  await keys.save("2", {
    id: "dev_1",
    userId: "u1",
    name: "Phone",
    baseUrl: server.baseUrl,
    audience: server.baseUrl,
    jwks: authority.jwks,
    signKey: sign.privateKey,
    encryptKey: encrypt.privateKey,
    createdAt: "",
  });
  screen = new Screen(`${server.baseUrl}/phone?slot=2`);
  pages = [];
  opened = [];
  const clients = {
    matchAll: async () => pages,
    openWindow: async (url: string) => void opened.push(url),
  };
  worker = new PhoneWorker({ registration: screen, clients, keys });
});
afterEach(async () => {
  vi.useRealTimers();
  await server.stop();
});

/** The data of a push about a request, sealed as the server seals it. */
async function sealed(id: number, claims: object = {}, device = "dev_1"): Promise<string> {
  const { signed } = await authority.prompt(device, id, claims);
  return message(id, { jwe: await seal(signed, pushKey) });
}

function message(id: number, more: object = {}): string {
  const about = { type: "prompt", verification_id: `ver_${id}`, delivery_id: `dlv_${id}` };
  return JSON.stringify({ ...about, ...more });
}

const open = async (id: number) => {
  const frame = await authority.prompt("dev_1", id);
  server.on("GET /api/v1/prompts", () => ({ body: { prompts: [frame] } }));
};
const asked = () => server.requests.map(({ method, path }) => `${method} ${path}`);

describe("a push", () => {
  test("is opened, shown in words that say nothing, and acknowledged with the device's key", async () => {
    await worker.push(await sealed(1));
    expect(screen.notices).toMatchObject([
      {
        title: "Sign-in request",
        body: "Is this you? Open to answer.",
        tag: "ver_1",
        renotify: true,
        requireInteraction: true,
        silent: false,
      },
    ]);
    expect(JSON.stringify(screen.notices)).not.toMatch(/Bank|Zürich/);
    const endsAt = screen.notices[0]?.data.endsAt ?? 0;
    expect(Math.abs(endsAt - Date.now() - 120_000)).toBeLessThan(10_000);
    expect(asked()).toEqual(["POST /api/v1/prompts/ver_1/ack"]);
    const [ack] = server.requests;
    expect(ack?.body).toEqual({ delivery_id: "dlv_1" });
    const token = String(ack?.headers.authorization).replace("Device ", "");
    const claims = await verifyJws(token, "nod-device+jwt", { keys: [await publicJwk(signKey)] });
    expect(claims).toMatchObject({ iss: "dev_1", aud: server.baseUrl });
  });

  test("is shown in the person's language", async () => {
    const words = { title: "Anmeldung", body: "Sind Sie das?" };
    await open(1);
    await worker.push(message(1, words));
    expect(screen.notices).toMatchObject([words]);
  });

  test("without the request in it fetches the request, and then acknowledges both ways it came", async () => {
    await open(1);
    await worker.push(message(1, { delivery_id: "dlv_push" }));
    expect(screen.calls).toEqual(["shown ver_1"]);
    expect(server.requests.map(({ body }) => body.delivery_id)).toEqual([
      undefined,
      "dlv_1",
      "dlv_push",
    ]);
  });

  test("that comes twice stands there once", async () => {
    await worker.push(await sealed(1));
    await worker.push(await sealed(1));
    expect(screen.notices).toHaveLength(1);
  });

  test.each([
    ["for another phone", async () => await sealed(1, {}, "dev_2")],
    ["about another request", async () => await sealed(1, { verification_id: "ver_2" })],
    ["that ended", async () => await sealed(1, { expires_at: "2020-01-01T00:00:00Z" })],
    ["that nobody knows", async () => message(1)],
  ])(
    "%s asks the server, shows for a moment that it is over, and is not acknowledged",
    async (_what, make) => {
      await worker.push(await make());
      expect(screen.calls).toEqual(["silent ver_1"]);
      expect(screen.notices).toEqual([]);
      expect(asked()).toEqual(["GET /api/v1/prompts"]);
    },
  );

  test.each(["", "{", "[]", '{"type":"advert"}', '{"type":"prompt","verification_id":"../x"}'])(
    "of rubbish asks nobody and leaves nothing behind: %s",
    async (text) => {
      await worker.push(text);
      expect(screen.calls).toEqual(["silent nod"]);
      expect(screen.notices).toEqual([]);
      expect(asked()).toEqual([]);
    },
  );

  test("is shown when the server cannot be asked, and not acknowledged", async () => {
    server.on("GET /api/v1/prompts", () => problem(503, "unavailable"));
    await worker.push(message(1));
    expect(screen.notices).toMatchObject([{ tag: "ver_1" }]);
    expect(asked()).toEqual(["GET /api/v1/prompts"]);
  });

  test("is shown while a slow server thinks, and goes when it says that it is over", async () => {
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    server.on("GET /api/v1/prompts", async () => {
      await held;
      return { body: { prompts: [] } };
    });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const work = worker.push(message(1));
    await vi.waitFor(() => expect(asked()).toHaveLength(1));
    await vi.advanceTimersByTimeAsync(4_000);
    await vi.waitFor(() => expect(screen.calls).toEqual(["shown ver_1"]));
    vi.useRealTimers();
    answer();
    await work;
    expect(screen.notices).toEqual([]);
  });

  test("to a phone that was forgotten leaves nothing behind", async () => {
    await keys.remove("2");
    await worker.push(await sealed(1));
    expect(screen.calls).toEqual(["silent ver_1"]);
    expect(screen.notices).toEqual([]);
  });

  const over = JSON.stringify({ type: "prompt_closed", verification_id: "ver_1" });

  test("that a request is over takes it away", async () => {
    await worker.push(await sealed(1));
    await worker.push(over);
    expect(screen.calls).toEqual(["shown ver_1", "silent ver_1"]);
    expect(screen.notices).toEqual([]);
  });

  test("that was overtaken by its end is asked about; one that asks again is shown", async () => {
    await worker.push(over);
    await worker.push(await sealed(1));
    expect(screen.notices).toEqual([]);
    await open(1);
    await worker.push(await sealed(1));
    expect(screen.notices).toMatchObject([{ tag: "ver_1" }]);
  });

  test("whose end comes while it is looked at is not left standing", async () => {
    const frame = await authority.prompt("dev_1", 1);
    server.on("GET /api/v1/prompts", async () => {
      await worker.push(over);
      return { body: { prompts: [frame] } };
    });
    await worker.push(message(1));
    expect(screen.notices).toEqual([]);
    expect(asked()).toEqual(["GET /api/v1/prompts"]);
  });

  test("takes away what nobody can answer any more, and leaves the rest", async () => {
    await worker.push(await sealed(1));
    await worker.push(await sealed(2, { expires_at: new Date(Date.now() + 3_600_000) }));
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 130_000 });
    await worker.push("rubbish");
    expect(screen.notices.map(({ tag }) => tag)).toEqual(["ver_2"]);
  });
});

describe("the pages of a phone", () => {
  test("hear of a push, and another phone's page does not", async () => {
    pages = [new Page(`${server.baseUrl}/phone?slot=2`), new Page(`${server.baseUrl}/phone`)];
    await worker.push(message(1));
    const data = { type: "prompt", verification_id: "ver_1", delivery_id: "dlv_1" };
    expect(pages.map(({ heard }) => heard)).toEqual([[{ nod: "pushed", data }], []]);
  });

  test.each([
    ["visible", true, "silent ver_1"],
    ["visible", false, "shown ver_1"],
    ["hidden", true, "shown ver_1"],
  ])("a %s one that shows the request: %s", async (visibility, shows, call) => {
    pages = [new Page(`${server.baseUrl}/phone?slot=2`, visibility, shows)];
    await worker.push(await sealed(1));
    expect(screen.calls).toEqual([call]);
    expect(asked()).toEqual(["POST /api/v1/prompts/ver_1/ack"]);
  });

  test("open the request of a tapped notification, the visible one first", async () => {
    const hidden = new Page(`${server.baseUrl}/phone?slot=2`);
    const visible = new Page(`${server.baseUrl}/phone?slot=2`, "visible");
    pages = [hidden, visible];
    await worker.push(await sealed(1));
    await worker.open("ver_1");
    expect(screen.notices).toEqual([]);
    expect(visible.heard.at(-1)).toEqual({ nod: "open", verificationId: "ver_1" });
    expect([hidden.focused, visible.focused, opened.length]).toEqual([0, 1, 0]);
  });

  test("are opened when there is none, with nothing secret in the address", async () => {
    await worker.open("ver_1");
    expect(opened).toEqual(["/phone?slot=2#request=ver_1"]);
  });
});

describe("a subscription that the browser changed", () => {
  const kept = (provider: string | null) => {
    const devices = [{ id: "dev_1", push: provider && { provider } }];
    server.on("GET /api/v1/users/u1/devices", () => ({ body: { devices } }));
    server.on("GET /api/v1/push-key", () => ({ body: { key: "BAAA" } }));
    server.on("PATCH /api/v1/devices/dev_1", () => ({ body: {} }));
  };

  test("is told to the server", async () => {
    kept("webpush");
    await worker.renew({ endpoint: "https://push.example/given" } as PushSubscription);
    const token = '{"endpoint":"https://push.example/given"}';
    expect(server.requests.at(-1)?.body).toEqual({ push: { provider: "webpush", token } });
    expect(screen.subscribed).toEqual([]);
  });

  test("is made anew where the browser gave none", async () => {
    kept("webpush");
    await worker.renew(null);
    expect(screen.subscribed).toEqual([{ userVisibleOnly: true, key: 3 }]);
    const token = '{"endpoint":"https://push.example/new"}';
    expect(server.requests.at(-1)?.body).toEqual({ push: { provider: "webpush", token } });
  });

  test.each([["fcm"], [null]])("changes nothing once push is %s", async (provider) => {
    kept(provider);
    await worker.renew(null);
    await until("asked", () => asked().length === 1);
    expect(asked()).toEqual(["GET /api/v1/users/u1/devices"]);
  });
});
