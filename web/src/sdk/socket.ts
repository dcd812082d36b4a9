// What is used of a WebSocket: the browser's own and Node's `ws` both have it.

/** One WebSocket. */
export interface SocketLike {
  readonly readyState: number;
  readonly protocol: string;
  readonly bufferedAmount: number;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: ((event: unknown) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

/** Opens WebSockets. */
export type SocketConstructor = new (url: string, protocols: string[]) => SocketLike;

/** The constructor of this place; null in a runtime without one. */
export function ownSocket(): SocketConstructor | null {
  const found = (globalThis as { WebSocket?: unknown }).WebSocket;
  return typeof found === "function" ? (found as SocketConstructor) : null;
}

/** The constructor of this place; a runtime without one must hand it in. */
export function globalSocket(): SocketConstructor {
  const found = ownSocket();
  if (!found) throw new TypeError("this runtime has no WebSocket: pass one as `webSocket`");
  return found;
}
