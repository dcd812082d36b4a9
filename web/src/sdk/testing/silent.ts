import type { Frame } from "../protocol.ts";
import type { SocketLike } from "../socket.ts";

/** A WebSocket to nowhere, for tests in which only time passes. */
export class SilentSocket implements SocketLike {
  static readonly all: SilentSocket[] = [];

  readonly readyState = 1;
  readonly protocol = "nod.v1";
  bufferedAmount = 0;
  onmessage: SocketLike["onmessage"] = null;
  onclose: SocketLike["onclose"] = null;
  onerror: SocketLike["onerror"] = null;
  readonly sent: string[] = [];
  closed = false;

  constructor() {
    SilentSocket.all.push(this);
  }

  /** Something comes from the server. */
  receive(type: string, data: object, more: Partial<Frame> = {}): void {
    this.onmessage?.({ data: JSON.stringify({ type, data, ...more }) });
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {
    this.closed = true;
  }
}
