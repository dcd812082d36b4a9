import { Device } from "../sdk/device.ts";
import type { KeyStore } from "../sdk/keys.ts";
import type { Prompt } from "../sdk/prompts.ts";
import { type PushMessage, readPush } from "../sdk/push.ts";
import { dataOf, type WorkerMessage } from "./messages.ts";
import { closeEnded, closeRequest, type Notifier, showPassing, showRequest } from "./notices.ts";
import { pageOf, slotOf } from "./slot.ts";
import { pushKey, type Subscriber, subscribe, targetOf } from "./subscription.ts";

/** How long a person waits for the notification while the server is asked about the request. */
const PATIENCE_MS = 4_000;
/** A page that is alive answers at once. */
const PAGE_MS = 500;
/** Requests that are remembered as over. */
const MAX_OVER = 64;

/** As much of a window of the worker's origin as is used here. */
export interface PhoneWindow {
  readonly url: string;
  readonly visibilityState: string;
  focus(): Promise<unknown>;
  postMessage(message: WorkerMessage, transfer: MessagePort[]): void;
}

/** What a worker stands in: parts of its global scope, and where the keys are. */
export interface Surroundings {
  registration: Notifier & { readonly scope: string; readonly pushManager: Subscriber };
  clients: {
    matchAll(options: {
      type: "window";
      includeUncontrolled: boolean;
    }): Promise<readonly PhoneWindow[]>;
    openWindow(url: string): Promise<unknown>;
  };
  keys: KeyStore;
}

type Request = Extract<PushMessage, { type: "prompt" }>;
type Reading = { prompt: Prompt } | "over" | "unknown";

/**
 * A phone while none of its pages is open. It is started for each event and may be gone after it,
 * so it keeps nothing but the keys, which it shares with the pages.
 *
 * Of a push it believes what the server signed, and nothing else: what cannot be opened here is
 * fetched. It shows first and acknowledges then, so that an acknowledged push was seen.
 */
export class PhoneWorker {
  readonly #here: Surroundings;
  readonly #slot: string;
  readonly #origin: string;
  // A push that it is over may overtake the request, or the look at it.
  readonly #over = new Set<string>();

  constructor(here: Surroundings) {
    const scope = new URL(here.registration.scope);
    this.#here = here;
    this.#slot = slotOf(scope.search);
    this.#origin = scope.origin;
  }

  /** A push message came. Each one shows something, as the page promised when it subscribed. */
  async push(text: string): Promise<void> {
    const { registration } = this.#here;
    await closeEnded(registration);
    const push = readPush(text);
    if (push?.type === "prompt") return await this.#ask(push);
    if (push) {
      this.#end(push.verificationId);
      await this.#tell(push);
    }
    await showPassing(registration, push?.verificationId ?? "nod");
  }

  /** A notification was tapped: its request opens on a page of this phone. */
  async open(verificationId: string): Promise<void> {
    const { registration, clients } = this.#here;
    await closeRequest(registration, verificationId);
    const pages = await this.#pages();
    const page = pages.find((one) => one.visibilityState === "visible") ?? pages[0];
    if (!page) {
      await clients.openWindow(`${pageOf(this.#slot)}#request=${verificationId}`);
      return;
    }
    page.postMessage({ nod: "open", verificationId }, []);
    // Browsers refuse it to some windows. The page has opened the request all the same.
    await page.focus().catch(() => undefined);
  }

  /**
   * The browser changed or dropped the subscription: the server is told the new one, unless the
   * person had switched push off meanwhile. Rejects when that fails; a page mends it later.
   */
  async renew(fresh: PushSubscription | null): Promise<void> {
    const device = await this.#device();
    if (!device) return;
    try {
      if ((await device.pushProvider()) !== "webpush") return;
      const key = fresh ? null : await pushKey(this.#origin);
      const { pushManager } = this.#here.registration;
      const subscription = fresh ?? (key && (await subscribe(pushManager, key)));
      if (subscription) await device.setPush(targetOf(subscription));
    } finally {
      device.dispose();
    }
  }

  async #ask(push: Request): Promise<void> {
    const { registration } = this.#here;
    const tag = push.verificationId;
    const device = await this.#device();
    if (!device) return await showPassing(registration, tag);
    // The same verification may ask again, so what was over is asked about, not left out.
    const doubted = this.#over.has(tag);
    const ended = () => !doubted && this.#over.has(tag);
    try {
      const reading = this.#read(device, doubted ? { ...push, jwe: null } : push);
      const soon = await Promise.race([reading, later<Reading>(PATIENCE_MS, "unknown")]);
      const seen = await this.#tell(push);
      if (seen || soon === "over" || ended()) await showPassing(registration, tag);
      else await showRequest(registration, tag, push, endOf(device, soon));
      const late = await reading;
      if (late === "over" || ended()) await closeRequest(registration, tag);
      else if (late !== "unknown") await device.acknowledge(push);
    } finally {
      device.dispose();
    }
  }

  async #read(device: Device, push: Request): Promise<Reading> {
    try {
      const prompt = await device.takePush(push);
      return prompt ? { prompt } : "over";
    } catch {
      // Neither sealed for this phone nor to be fetched now. The person may look anyway.
      return "unknown";
    }
  }

  /** Tells this phone's pages, and whether a person sees the request on one of them. */
  async #tell(push: PushMessage): Promise<boolean> {
    const data = dataOf(push);
    const answers = (await this.#pages()).map(async (page) => {
      const { port1, port2 } = new MessageChannel();
      try {
        const shown = new Promise<boolean>((resolve) => {
          port1.onmessage = ({ data }) => resolve(data === true);
        });
        page.postMessage({ nod: "pushed", data }, [port2]);
        if (page.visibilityState !== "visible") return false;
        return await Promise.race([shown, later(PAGE_MS, false)]);
      } finally {
        port1.close();
      }
    });
    return (await Promise.all(answers)).includes(true);
  }

  async #pages(): Promise<PhoneWindow[]> {
    const { clients } = this.#here;
    const windows = await clients.matchAll({ type: "window", includeUncontrolled: true });
    return windows.filter(({ url }) => {
      const { pathname, search } = new URL(url);
      return pathname === "/phone" && slotOf(search) === this.#slot;
    });
  }

  async #device(): Promise<Device | null> {
    const { keys } = this.#here;
    const record = await keys.load(this.#slot);
    return record && new Device({ record, keys, slot: this.#slot });
  }

  #end(verificationId: string): void {
    if (this.#over.size >= MAX_OVER) this.#over.clear();
    this.#over.add(verificationId);
  }
}

// By the local clock, which is what a later look at the notification has.
function endOf(device: Device, reading: Reading): number | undefined {
  if (typeof reading !== "object") return undefined;
  return Date.now() + device.remaining(reading.prompt) * 1000;
}

function later<Value>(ms: number, value: Value): Promise<Value> {
  return new Promise((resolve) => setTimeout(resolve, ms, value));
}
