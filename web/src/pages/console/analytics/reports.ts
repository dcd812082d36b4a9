// What /api/v1/analytics answers, as far as the console shows it. Times are in seconds, shares and
// rates from 0 to 1.

/** What a report tells of. */
interface Period {
  days: number;
  from: string;
  to: string;
}

/** How the deployment did, in sum. */
export interface Overview extends Period {
  totals: {
    send_code: number;
    verify_success: number;
    verify_failed: number;
    resend_request: number;
    change_phone: number;
  };
  ended: Record<Ending, number>;
  success_rate: number;
  time_to_complete: { n: number; avg_seconds: number; p50_seconds: number; p90_seconds: number };
  /** `saved` is in the currency of the server's prices; null where it knows none. */
  without_sms: { logins: number; share: number; saved: number | null };
  /** Something was left out, or counted with others, because it had too few people. */
  hidden: boolean;
}

/** How a verification can end. */
export type Ending =
  | "approved"
  | "denied"
  | "failed"
  | "expired"
  | "canceled"
  | "superseded"
  | "blocked";

/** How resends did that a person could ask for after this delay. */
export interface DelayStep {
  delay_seconds: number;
  resends: number;
  successes: number;
  success_rate: number;
}

/** How long to wait before another try. */
export interface Delays extends Period {
  steps: DelayStep[];
  /** From a provider's "accepted" to its receipt. */
  delivery: { country: string; messages: number; p50_seconds: number; p90_seconds: number }[];
  /** What NOD_RESEND_DELAYS=auto waits, or would. */
  delays: { country: string; seconds: number[]; messages: number }[];
}

/** One hour of the day, UTC. */
export interface HourOfDay {
  hour: number;
  started: number;
  successes: number;
  success_rate: number;
}

/** How verifications did by the hour in which they started. */
export interface Hours extends Period {
  hours: HourOfDay[];
}

/** How some messages did; what does not tell them apart is left out. */
export interface Conversion {
  channel?: string;
  country?: string;
  provider?: string;
  sends: number;
  delivered: number;
  failed: number;
  successes: number;
  success_rate: number;
  p50_seconds: number;
  p90_seconds: number;
}

/** How messages convert. */
export interface Channels extends Period {
  channels: Conversion[];
  countries: Conversion[];
  providers: Conversion[];
  other: Conversion | null;
}
