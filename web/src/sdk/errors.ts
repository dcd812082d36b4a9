/** What a problem document (RFC 9457) of the server says. */
export interface Problem {
  /**
   * The contract's word, for example `cooldown`; or from this side `network`, `timeout`,
   * `bad_answer`, `no_token` (the page's `fetchToken` gave none) and `client` (a bug).
   */
  code: string;
  title: string;
  /** For people, with the next step. */
  detail: string;
  /** The HTTP status; 0 when no answer came. */
  status: number;
  /** Seconds to wait before another try. */
  retryAfter?: number;
  /** The input at fault. */
  field?: string;
  /** The row that a refused create left. */
  verificationId?: string;
  /** Why a rule held something back: a `blocked` verification's reason, for example `country`. */
  reason?: string;
  /** The server's name of the text that helps. */
  helpKey?: string;
}

/** A refusal of the server, or the lack of an answer, in one shape. */
export class NodError extends Error implements Problem {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly status: number;
  readonly retryAfter?: number;
  readonly field?: string;
  readonly verificationId?: string;
  readonly reason?: string;
  readonly helpKey?: string;

  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.detail || problem.title, options);
    this.name = "NodError";
    this.code = problem.code;
    this.title = problem.title;
    this.detail = problem.detail;
    this.status = problem.status;
    this.retryAfter = problem.retryAfter;
    this.field = problem.field;
    this.verificationId = problem.verificationId;
    this.reason = problem.reason;
    this.helpKey = problem.helpKey;
  }

  /** Whether the same call may succeed later without a change. */
  get temporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Any failure as a NodError: what is none is a bug of this side, and its cause says where. */
export function problemOf(error: unknown): NodError {
  if (error instanceof NodError) return error;
  const problem = {
    code: "client",
    title: "Something went wrong on this page",
    detail: "Something went wrong on this page. Reload it and try again.",
    status: 0,
  };
  return new NodError(problem, { cause: error });
}

/** Whether the credential is not, or no longer, good for what was asked. */
export function isRefused(error: unknown): boolean {
  const { status } = problemOf(error);
  return status === 401 || status === 404;
}

/** Whether it may have been done all the same: no answer of the server says that it was not. */
export function isUncertain(error: unknown): boolean {
  const { status, code } = problemOf(error);
  return code !== "no_token" && (status < 400 || status >= 500);
}

/** Reads a problem document; what is missing is filled in from the status. */
export function problemFrom(
  status: number,
  body: unknown,
  retryAfterHeader?: string | null,
): Problem {
  const told = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const text = (name: string): string | undefined =>
    typeof told[name] === "string" ? (told[name] as string) : undefined;
  const title = text("title") ?? `The server answered ${status}`;
  const wait =
    typeof told.retry_after === "number"
      ? told.retry_after
      : Number(retryAfterHeader || Number.NaN);
  return {
    code: text("code") ?? (status >= 500 ? "internal" : "bad_answer"),
    title,
    detail: text("detail") ?? "Something went wrong on the server. Please try again.",
    status,
    retryAfter: Number.isFinite(wait) ? wait : undefined,
    field: text("field"),
    verificationId: text("verification_id"),
    reason: text("reason"),
    helpKey: text("help_key"),
  };
}
