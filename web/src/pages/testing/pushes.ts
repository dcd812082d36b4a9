import { vi } from "vitest";
import type { WorkerMessage } from "../../worker/messages";

/** What a browser that takes pushes has and jsdom lacks; the test plays the person and the push service. */
export class PushBrowser {
  permission: NotificationPermission = "default";
  /** What the person says when the browser asks. */
  says: NotificationPermission = "granted";
  /** What the push service says; a promise that never settles is one that cannot be reached. */
  subscribe = async (): Promise<void> => undefined;
  subscription: { endpoint: string; options: object; unsubscribe(): Promise<boolean> } | null =
    null;
  /** Scopes that were registered. */
  readonly registered: string[] = [];
  /** Tags of the notifications on the screen. */
  readonly shown = new Set<string>();
  readonly #pages = new EventTarget();

  /** Puts it where pages look for it; `vi.unstubAllGlobals` and `stop` take it away. */
  start(): void {
    const browser = this;
    const registration = (scope: string) => ({
      scope: new URL(scope, location.origin).href,
      active: {},
      pushManager: {
        getSubscription: async () => browser.subscription,
        subscribe: async ({ applicationServerKey }: { applicationServerKey: Uint8Array }) => {
          await browser.subscribe();
          const ended = async () => {
            browser.subscription = null;
            return true;
          };
          browser.subscription = {
            endpoint: "https://push.example/1",
            options: { applicationServerKey: applicationServerKey.buffer },
            unsubscribe: ended,
          };
          return browser.subscription;
        },
      },
      showNotification: async (_title: string, { tag }: { tag: string }) => browser.shown.add(tag),
      getNotifications: async ({ tag }: { tag?: string } = {}) =>
        [...browser.shown]
          .filter((one) => tag === undefined || one === tag)
          .map((one) => ({ tag: one, close: () => browser.shown.delete(one) })),
    });
    vi.stubGlobal("PushManager", class {});
    vi.stubGlobal("Notification", {
      get permission() {
        return browser.permission;
      },
      requestPermission: async () => {
        browser.permission = browser.says;
        return browser.permission;
      },
    });
    Object.defineProperty(navigator, "serviceWorker", {
      configurable: true,
      value: Object.assign(this.#pages, {
        register: async (_script: string, { scope }: { scope: string }) => {
          browser.registered.push(scope);
          return registration(scope);
        },
        getRegistration: async () =>
          browser.registered.length > 0 ? registration(browser.registered[0] as string) : undefined,
      }),
    });
  }

  /** Takes away what `vi.unstubAllGlobals` does not know. */
  stop(): void {
    Reflect.deleteProperty(navigator, "serviceWorker");
  }

  /** The worker tells the page something; resolves with its answer. */
  async tell(message: WorkerMessage): Promise<unknown> {
    const { port1, port2 } = new MessageChannel();
    const answer = new Promise((resolve) => {
      port1.onmessage = ({ data }) => resolve(data);
    });
    const event = Object.assign(new Event("message"), { data: message, ports: [port2] });
    this.#pages.dispatchEvent(event);
    const told = message.nod === "pushed" ? await answer : undefined;
    port1.close();
    return told;
  }
}
