// A browser's push service, and the browser's half of its secrets: what nod really sends is taken
// over HTTP and opened, so that a test can hand it to a real service worker.

import { createDecipheriv, createECDH, hkdfSync, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

const WAIT_MS = 20_000;

/** A push message as nod composed it. */
export interface Push {
  /** The text that the service worker gets. */
  text: string;
  /** The same, read. */
  data: Record<string, string>;
  headers: IncomingMessage["headers"];
}

/** Takes pushes for one subscription. */
export class PushService {
  readonly #server: Server;
  readonly #keys = createECDH("prime256v1");
  readonly #auth = randomBytes(16);
  readonly #taken: Push[] = [];
  readonly #waiting: ((push: Push) => void)[] = [];

  private constructor() {
    this.#keys.generateKeys();
    this.#server = createServer(async (request, response) => {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      response.writeHead(201, { location: "/message/1" }).end();
      const text = this.#open(Buffer.concat(pieces));
      this.#take({ text, data: JSON.parse(text), headers: request.headers });
    });
  }

  static async start(): Promise<PushService> {
    const service = new PushService();
    await new Promise<void>((resolve) => service.#server.listen(0, "127.0.0.1", resolve));
    return service;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** A PushSubscription of this service as JSON (Push API, "toJSON"). */
  get subscription() {
    const { port } = this.#server.address() as AddressInfo;
    return {
      endpoint: `http://127.0.0.1:${port}/push/1`,
      expirationTime: null,
      keys: {
        p256dh: this.#keys.getPublicKey("base64url"),
        auth: this.#auth.toString("base64url"),
      },
    };
  }

  /** The next push; fails when none comes. */
  async next(): Promise<Push> {
    const taken = this.#taken.shift();
    if (taken) return taken;
    return await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("no push came")), WAIT_MS);
      this.#waiting.push((push) => {
        clearTimeout(late);
        resolve(push);
      });
    });
  }

  #take(push: Push): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(push);
    else this.#taken.push(push);
  }

  // RFC 8291, section 3.4, around one record of RFC 8188.
  #open(body: Buffer): string {
    const salt = body.subarray(0, 16);
    const sender = body.subarray(21, 21 + body.readUInt8(20));
    const sealed = body.subarray(21 + sender.length);
    const shared = this.#keys.computeSecret(sender);
    const about = Buffer.concat([
      Buffer.from("WebPush: info\0"),
      this.#keys.getPublicKey(),
      sender,
    ]);
    const secret = derive(shared, this.#auth, about, 32);
    const key = derive(secret, salt, "Content-Encoding: aes128gcm\0", 16);
    const nonce = derive(secret, salt, "Content-Encoding: nonce\0", 12);
    const open = createDecipheriv("aes-128-gcm", key, nonce);
    open.setAuthTag(sealed.subarray(-16));
    const padded = Buffer.concat([open.update(sealed.subarray(0, -16)), open.final()]);
    return padded.subarray(0, padded.lastIndexOf(2)).toString();
  }
}

function derive(secret: Buffer, salt: Buffer, about: Buffer | string, bytes: number): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, salt, about, bytes));
}
