// The real provider clients without an account anywhere: `bin/providers` plays the providers,
// judges what they are sent, and runs nod on them.

import { WebSocket } from "ws";
import {
  Device,
  type DeviceRecord,
  enroll,
  memoryKeyStore,
  Rest,
  type SocketConstructor,
} from "../src/sdk/index.ts";
import { type RunningServer, startServer } from "./server.ts";

/** A message that a provider took. */
export interface Taken {
  provider: string;
  /** A number, token, endpoint or address; of a webhook, the event. */
  to: string;
  text?: string;
  fields?: Record<string, string>;
}

/** What the providers know of a number or token. */
export interface Known {
  accepted: Taken[];
  /** What any of them found wrong, with anybody's message. */
  objections: { provider: string; text: string }[];
  /** Well-formed requests for this number or token, by provider, taken or not. */
  requests: Record<string, number>;
}

/** nod over its real provider clients, and the providers. */
export interface RunningProviders extends RunningServer {
  /** Where the providers' own page is. */
  page: string;
  /** What they know of a number or token. */
  about(to: string): Promise<Known>;
  /** Says how a provider answers a number or token from now on; no answers: well again. */
  script(name: string, to: string, ...answers: object[]): Promise<void>;
}

/** Starts nod over the providers with these names; `settings` are NOD_ variables. */
export async function startProviders(
  names: string[],
  settings: Record<string, string> = {},
): Promise<RunningProviders> {
  const used = { ...settings, NOD_PROVIDERS: names.join(",") };
  const server = await startServer(used, ["bin/providers"]);
  const page = /^\s*providers\s+(http\S+)/m.exec(server.said())?.[1];
  if (!page) throw new Error(`the providers did not say where they are:\n${server.said()}`);
  return {
    ...server,
    page,
    about: async (to) => {
      const response = await fetch(`${page}/state?${new URLSearchParams({ to })}`);
      return (await response.json()) as Known;
    },
    script: async (name, to, ...answers) => {
      const body = JSON.stringify({ to, answers });
      const response = await fetch(`${page}/scripts/${name}`, { method: "PUT", body });
      if (!response.ok) throw new Error(await response.text());
    },
  };
}

/** A phone of a demo person that was connected, and has gone deaf since. */
export class DeafPhone {
  readonly #device: Device;
  readonly #sockets: WebSocket[];

  private constructor(device: Device, sockets: WebSocket[]) {
    this.#device = device;
    this.#sockets = sockets;
  }

  /** Enrolls it with an FCM token, connects it and cuts its line, which nobody is told. */
  static async enroll(url: string, demoToken: string, token: string): Promise<DeafPhone> {
    const { enrollment_token } = await new Rest({ baseUrl: url }).call<{
      enrollment_token: string;
    }>("POST", "/demo/enrollments", { body: {}, headers: { authorization: `Demo ${demoToken}` } });
    const [keys, slot] = [memoryKeyStore(), "deaf"];
    const record: DeviceRecord = await enroll({
      baseUrl: url,
      token: enrollment_token,
      name: "Old phone",
      platform: "android",
      push: { provider: "fcm", token },
      keys,
      slot,
    });
    const sockets: WebSocket[] = [];
    const webSocket = class extends WebSocket {
      constructor(address: string, protocols: string[]) {
        super(address, protocols);
        sockets.push(this);
      }
    } as unknown as SocketConstructor;
    const device = new Device({ record, keys, slot, webSocket });
    const open = new Promise<void>((resolve) => {
      device.subscribe(() => device.getState().connection === "open" && resolve());
    });
    device.start();
    await open;
    for (const socket of sockets) socket.pause();
    return new DeafPhone(device, sockets);
  }

  /** Puts it away. */
  dispose(): void {
    this.#device.dispose();
    for (const socket of this.#sockets) socket.terminate();
  }
}
