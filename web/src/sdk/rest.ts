import type { ServerClock } from "./clock.ts";
import { randomId } from "./encoding.ts";
import { NodError, problemFrom } from "./errors.ts";

/** What a caller of the REST side needs to say once. */
export interface RestOptions {
  /** Scheme and host of the server, for example `https://nod.example.com`. */
  baseUrl: string;
  /** Taught by the `Date` of each answer. */
  clock?: ServerClock;
  /** In place of the global one. */
  fetch?: typeof fetch;
  /** How long an answer may take; 15 s. */
  timeoutMs?: number;
}

/** What one call may add. */
export interface CallOptions {
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  timeoutMs?: number;
}

/** Calls JSON endpoints; every failure is a NodError. */
export class Rest {
  readonly baseUrl: string;
  readonly #options: RestOptions;

  constructor(options: RestOptions) {
    this.#options = options;
    this.baseUrl = options.baseUrl.replace(/\/+$/, "");
  }

  /** One request; the answer's body, or undefined for 204. Throws a NodError. */
  async call<Answer>(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs ?? 15_000;
    return await withTimeout(timeoutMs, options.signal, async (signal) => {
      const response = await this.open(method, path, { ...options, signal });
      if (response.status === 204) return undefined as Answer;
      const answer = await readJson(response);
      if (answer === undefined) throw new NodError(problemFrom(response.status, null));
      return answer as Answer;
    });
  }

  /**
   * A POST that starts something. Under one Idempotency-Key it may be asked for again without
   * doing it twice, so one whose answer was lost is, once. Throws a NodError.
   */
  async send<Answer>(path: string, body: object, headers: Record<string, string>): Promise<Answer> {
    const call = { body, headers: { "idempotency-key": randomId(), ...headers } };
    try {
      return await this.call("POST", path, call);
    } catch (error) {
      if (!(error instanceof NodError) || error.status !== 0) throw error;
      return await this.call("POST", path, call);
    }
  }

  /** One request whose body the caller reads; a problem document is thrown as NodError. */
  async open(method: string, path: string, options: CallOptions = {}): Promise<Response> {
    const fetcher = this.#options.fetch ?? globalThis.fetch;
    let response: Response;
    try {
      response = await fetcher(this.baseUrl + path, {
        method,
        headers: {
          accept: "application/json",
          ...(options.body === undefined ? {} : { "content-type": "application/json" }),
          ...options.headers,
        },
        body: options.body === undefined ? undefined : JSON.stringify(options.body),
        signal: options.signal,
        cache: "no-store",
      });
    } catch (cause) {
      throw unreachable(cause);
    }
    this.#options.clock?.observe(response.headers.get("date"));
    if (response.ok) return response;
    const retryAfter = response.headers.get("retry-after");
    throw new NodError(problemFrom(response.status, await readJson(response), retryAfter));
  }
}

/** The address of the socket that belongs to a server's address. */
export function socketUrl(baseUrl: string): string {
  return `${baseUrl.replace(/\/+$/, "").replace(/^http/, "ws")}/ws`;
}

async function readJson(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch (cause) {
    // What is not JSON comes from a proxy; anything else is a body that broke off.
    if (nameOf(cause) !== "SyntaxError") throw unreachable(cause);
    return undefined;
  }
}

// Ends the work after a while, or when the caller no longer wants it; leaves no timer behind.
async function withTimeout<T>(
  ms: number,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  const stop = () => abort.abort(outer?.reason);
  if (outer?.aborted) stop();
  outer?.addEventListener("abort", stop, { once: true });
  const timer = setTimeout(() => abort.abort(tooSlow()), ms);
  try {
    return await work(abort.signal);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener("abort", stop);
  }
}

function tooSlow(): Error {
  return Object.assign(new Error("too slow"), { name: "TimeoutError" });
}

// By name: an error of `fetch` may come from another realm, and not every runtime has DOMException.
function nameOf(cause: unknown): unknown {
  return (cause as { name?: unknown } | null)?.name;
}

function unreachable(cause: unknown): NodError {
  if (cause instanceof NodError) return cause;
  const late = nameOf(cause) === "TimeoutError";
  const problem = late
    ? {
        code: "timeout",
        title: "No answer in time",
        detail: "The server did not answer in time. Check your connection and try again.",
      }
    : {
        code: "network",
        title: "The server could not be reached",
        detail: "The server could not be reached. Check your connection and try again.",
      };
  return new NodError({ ...problem, status: 0 }, { cause });
}
