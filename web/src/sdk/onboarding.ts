import type { ServerClock } from "./clock.ts";
import { NodError } from "./errors.ts";
import type { StatusBody } from "./protocol.ts";
import { type CallOptions, Rest } from "./rest.ts";
import { type FetchToken, TokenSource } from "./usertoken.ts";

/** What the calls with a user token need. */
export interface OnboardingOptions {
  baseUrl: string;
  fetchToken: FetchToken;
  /** Taught by each answer. */
  clock?: ServerClock;
  fetch?: typeof fetch;
}

/** The channels that prove a number; `auto` leaves the choice to the server. */
export type PhoneChannel = "auto" | "sms" | "voice";

/** Names a verification by its id, or the newest one of the user by its number (E.164). */
export type Which = { verificationId: string } | { phoneNumber: string };

/** A user's own figures (contract, section 9). */
export interface Summary {
  /** How many days they cover. */
  days: number;
  totals: {
    send_code: number;
    verify_success: number;
    verify_failed: number;
    resend_request: number;
    change_phone: number;
  };
  /** Approved of started, 0 to 1. */
  success_rate: number;
  avg_time_to_complete_seconds: number;
  by_channel: Record<string, { sends: number; successes: number }>;
  /** Newest first. */
  recent: { at: string; event_type: string; channel?: string | null }[];
}

const PATH = "/api/onboarding";

/**
 * The calls of a signed-in user who proves a number (contract, section 5, "Seed endpoints"). Each
 * carries the user's token, which is renewed once when the server refuses it. All throw a NodError.
 */
export class Onboarding {
  readonly #rest: Rest;
  readonly #tokens: TokenSource;

  constructor(options: OnboardingOptions) {
    this.#rest = new Rest(options);
    this.#tokens = new TokenSource(options.fetchToken);
  }

  /**
   * Sends a code to a number (E.164). While one is open for the same number it is given back
   * instead, with `reused`, without another message and with a new secret: the old one is void.
   */
  async send(phoneNumber: string, channel?: PhoneChannel, locale?: string): Promise<StatusBody> {
    const body = { phone_number: phoneNumber, ...given({ channel, locale }) };
    return await this.#send("send-verification", body);
  }

  /** Asks for another message, over the last channel unless another is named. */
  async resend(which: Which, channel?: string): Promise<StatusBody> {
    return await this.#send("resend-verification", { ...named(which), ...given({ channel }) });
  }

  /** Tries a code; `ok` says whether it was right. */
  async check(which: Which, code: string): Promise<StatusBody & { ok: boolean }> {
    return await this.#call("POST", "verify-code", { body: { ...named(which), code } });
  }

  /** How a verification stands; null when there is none. */
  async status(which: Which): Promise<StatusBody | null> {
    const path = `verification-status?${new URLSearchParams(named(which))}`;
    try {
      const status: Partial<StatusBody> = await this.#call("GET", path, {});
      return status.verification_id ? (status as StatusBody) : null;
    } catch (error) {
      if (error instanceof NodError && error.status === 404) return null;
      throw error;
    }
  }

  /** Leaves one number for another: the old verification ends, the new one sends a code. */
  async changePhone(oldNumber: string, newNumber: string): Promise<StatusBody> {
    const body = { old_phone_number: oldNumber, new_phone_number: newNumber };
    return await this.#send("change-phone", body);
  }

  /** The user's own figures of the last days. */
  async summary(days = 30): Promise<Summary> {
    return await this.#call("GET", `verification-analytics?days=${days}`, {});
  }

  async #send(action: string, body: object): Promise<StatusBody> {
    return await this.#tokens.use((headers) => this.#rest.send(`${PATH}/${action}`, body, headers));
  }

  async #call<Answer>(method: string, path: string, options: CallOptions): Promise<Answer> {
    return await this.#tokens.use((headers) =>
      this.#rest.call(method, `${PATH}/${path}`, { ...options, headers }),
    );
  }
}

function named(which: Which): Record<string, string> {
  return "verificationId" in which
    ? { verification_id: which.verificationId }
    : { phone_number: which.phoneNumber };
}

function given(fields: Record<string, string | undefined>): Record<string, string> {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as Record<string, string>;
}
