// A server that speaks nod's protocol for the SDK's tests, over a real port. What it answers is
// the test's to say; what it hears is kept in order.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import type { Frame } from "../protocol.ts";
import type { SocketConstructor } from "../socket.ts";

/** Node's WebSocket in the shape that the SDK takes. */
export const nodeSocket = WebSocket as unknown as SocketConstructor;

/** A request as a test sees it. */
export interface Request {
  method: string;
  /** Path and query. */
  path: string;
  headers: Record<string, string | string[] | undefined>;
  body: Record<string, unknown>;
}

/** An answer as a test says it; `stream` keeps the connection open. */
export interface Reply {
  status?: number;
  body?: unknown;
  headers?: Record<string, string>;
  stream?: (response: ServerResponse) => void;
}

/** The server's end of one WebSocket. */
export class Peer {
  readonly #socket: WebSocket;
  readonly #inbox: Frame[] = [];
  #arrived: (() => void) | null = null;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (text) => {
      this.#inbox.push(JSON.parse(String(text)));
      this.#arrived?.();
    });
  }

  /** The data of the client's `auth`. */
  auth: Record<string, unknown> = {};

  send(type: string, data: unknown, more: Partial<Frame> = {}): void {
    this.#socket.send(JSON.stringify({ type, data, ...more }));
  }

  close(code: number): void {
    this.#socket.close(code);
  }

  /** The network goes away without a word. */
  cut(): void {
    this.#socket.terminate();
  }

  /** Takes the next frame, which must be of this type. */
  async next(type: string): Promise<Frame> {
    while (this.#inbox.length === 0) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    const frame = this.#inbox.shift() as Frame;
    if (frame.type !== type) throw new Error(`expected ${type}, got ${JSON.stringify(frame)}`);
    return frame;
  }
}

export class TestServer {
  readonly #http: Server;
  readonly #sockets: WebSocketServer;
  readonly #waiting: ((peer: Peer) => void)[] = [];
  readonly #peers: Peer[] = [];
  readonly #routes = new Map<string, (request: Request) => Reply | Promise<Reply>>();
  readonly requests: Request[] = [];
  /** A status refuses every upgrade, as a proxy would that knows no WebSocket. */
  refuseSockets: number | null = null;
  /** Upgrades that were asked for. */
  dials = 0;
  baseUrl = "";

  private constructor() {
    this.#http = createServer((request, response) => void this.#serve(request, response));
    this.#sockets = new WebSocketServer({
      noServer: true,
      handleProtocols: (offered) => (offered.has("nod.v1") ? "nod.v1" : false),
    });
    this.#http.on("upgrade", (request, socket, head) => {
      this.dials++;
      if (this.refuseSockets !== null) {
        socket.end(`HTTP/1.1 ${this.refuseSockets} Refused\r\nConnection: close\r\n\r\n`);
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (open) => void this.#greet(open));
    });
  }

  static async start(): Promise<TestServer> {
    const server = new TestServer();
    await new Promise<void>((resolve) => server.#http.listen(0, "127.0.0.1", resolve));
    server.baseUrl = `http://127.0.0.1:${(server.#http.address() as AddressInfo).port}`;
    return server;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  /** Answers `METHOD /path` (no query). */
  on(route: string, answer: (request: Request) => Reply | Promise<Reply>): void {
    this.#routes.set(route, answer);
  }

  /** The next client that authenticated; it waits for its `welcome`. */
  async peer(): Promise<Peer> {
    const ready = this.#peers.shift();
    if (ready) return ready;
    return await new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The next client, welcomed. */
  async welcome(role: string, resumed = false): Promise<Peer> {
    const peer = await this.peer();
    peer.send("welcome", {
      role,
      connection_id: "con_1",
      server_time: new Date().toISOString(),
      heartbeat_seconds: 25,
      resumed,
    });
    return peer;
  }

  async #greet(socket: WebSocket): Promise<void> {
    const peer = new Peer(socket);
    peer.send("challenge", { nonce: "nonce-1", server_time: new Date().toISOString() });
    peer.auth = (await peer.next("auth")).data as Record<string, unknown>;
    const waiting = this.#waiting.shift();
    if (waiting) waiting(peer);
    else this.#peers.push(peer);
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const piece of incoming) text += piece;
    const { method = "", url = "", headers } = incoming;
    const request = { method, path: url, headers, body: text ? JSON.parse(text) : {} };
    this.requests.push(request);
    const answer = this.#routes.get(`${method} ${url.split("?")[0]}`);
    const reply = answer ? await answer(request) : problem(404, "not_found");
    response.writeHead(reply.status ?? 200, {
      "content-type": reply.stream ? "text/event-stream" : "application/json",
      ...reply.headers,
    });
    if (reply.stream) {
      response.flushHeaders();
      reply.stream(response);
    } else response.end(reply.status === 204 ? undefined : JSON.stringify(reply.body ?? {}));
  }
}

/** A problem document. */
export function problem(status: number, code: string, more: object = {}): Reply {
  return {
    status,
    body: { type: "about:blank", title: code, status, code, detail: code, ...more },
  };
}
