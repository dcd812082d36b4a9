import { NodError } from "./errors.ts";
import type { PromptResult } from "./protocol.ts";

/** How long the socket has to bring the result before the answer goes over REST. */
const PATIENCE_MS = 8_000;

interface Pending {
  frameId: string;
  settle(result: PromptResult | NodError | null): void;
}

/** The answers that are under way over the socket, one to a verification. */
export class Answers {
  readonly #pending = new Map<string, Pending>();

  /** Whether an answer to this verification is under way. */
  has(verificationId: string): boolean {
    return this.#pending.has(verificationId);
  }

  /**
   * Waits for the result of an answer that `send` puts on the socket. Null when the socket did not
   * take it or broke or stayed silent: then REST may repeat it, the same answer is told the same.
   */
  async wait(
    verificationId: string,
    frameId: string,
    send: () => boolean,
  ): Promise<PromptResult | null> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      return await new Promise<PromptResult | null>((resolve, reject) => {
        const settle: Pending["settle"] = (result) =>
          result instanceof NodError ? reject(result) : resolve(result);
        this.#pending.set(verificationId, { frameId, settle });
        timer = setTimeout(() => settle(null), PATIENCE_MS);
        if (!send()) settle(null);
      });
    } finally {
      clearTimeout(timer);
      this.#pending.delete(verificationId);
    }
  }

  /** The server's verdict came. */
  result(result: PromptResult): void {
    this.#pending.get(result.verification_id)?.settle(result);
  }

  /** The server refused a frame. */
  error(frameId: string | undefined, data: unknown): void {
    const { code, message, retry_after } = (data ?? {}) as Record<string, unknown>;
    const detail = typeof message === "string" ? message : "The answer was not accepted.";
    for (const pending of this.#pending.values()) {
      if (frameId === undefined || pending.frameId !== frameId) continue;
      const problem = {
        code: typeof code === "string" ? code : "invalid_request",
        title: "The answer was not accepted",
        detail,
        status: 400,
        retryAfter: typeof retry_after === "number" ? retry_after : undefined,
      };
      pending.settle(new NodError(problem));
    }
  }

  /** The socket is gone. */
  lost(): void {
    for (const pending of this.#pending.values()) pending.settle(null);
  }
}

/** There is nothing to answer. */
export function requestIsOver(): NodError {
  return new NodError({
    code: "not_found",
    title: "This request is over",
    detail: "This request has ended. If you are signing in, start again on the other device.",
    status: 404,
  });
}

/** An answer was given already, its result is awaited. */
export function answerUnderWay(): NodError {
  return new NodError({
    code: "in_progress",
    title: "Your answer is on its way",
    detail: "Your answer is on its way. Wait a moment.",
    status: 409,
  });
}
