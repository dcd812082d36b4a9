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

/** The constructor of this place; a runtime without one must hand it in. */
export function globalSocket(): SocketConstructor {
  const found = (globalThis as { WebSocket?: unknown }).WebSocket;
  if (typeof found !== "function") {
    throw new TypeError("this runtime has no WebSocket: pass one as `webSocket`");
  }
  return found as SocketConstructor;
}
