import {
  type Attempt,
  type Delivery,
  NO_PHONE,
  NodError,
  type PhoneState,
  type StatusBody,
  type Summary,
} from "../../../sdk";

/** One moment of the component, to be looked at for as long as one likes. */
export interface Story {
  name: string;
  title: string;
  state: PhoneState;
  /** What is pressed once it is drawn, as a CSS selector. */
  press?: string;
}

/** The moment at which the clock of all stories stands. */
export const storyNow = Date.UTC(2026, 4, 4, 10);

const at = (seconds: number) => new Date(storyNow + seconds * 1000).toISOString();

const delivery = (
  place: number,
  state: Delivery["state"],
  channel: Delivery["channel"] = "sms",
): Delivery => ({
  id: `dlv_${place}`,
  channel,
  state,
  target: "+1 ••• 0123",
  at: at(-400 + 60 * place),
});

const sent = (seconds: number, kind: string, status: string, channel = "sms"): Attempt => ({
  at: at(seconds),
  kind,
  channel,
  status,
});
const typed = (seconds: number, status: "correct" | "wrong"): Attempt => ({
  at: at(seconds),
  kind: "check",
  channel: "sms",
  status,
});

const status = (more: Partial<StatusBody> = {}): StatusBody => ({
  verification_id: "ver_story",
  purpose: "phone",
  status: "pending",
  stage: "code_entry",
  phone_number: "+1 ••• 0123",
  channel: "sms",
  next_resend_delay: 60,
  next_resend_at: at(42),
  cooldown_remaining: 42,
  resend_count: 0,
  max_resends: 3,
  attempts_remaining: 3,
  code_length: 6,
  expires_at: at(582),
  session_expires_at: at(3582),
  can_change_phone: false,
  alternatives: [],
  attempt_history: [sent(-18, "send", "delivered")],
  deliveries: [delivery(1, "delivered")],
  message_key: "code.sent",
  seq: 4,
  server_time: at(0),
  ...more,
});

const entry: PhoneState = { ...NO_PHONE, phase: "entry", connection: "closed" };

const open = (body: Partial<StatusBody> = {}, more: Partial<PhoneState> = {}): PhoneState => ({
  ...NO_PHONE,
  phase: "open",
  phoneNumber: "+14155550123",
  status: status(body),
  connection: "open",
  transport: "websocket",
  ...more,
});

const over = (body: Partial<StatusBody>): PhoneState =>
  open({ stage: null, next_resend_at: null, ...body }, { phase: "ended", connection: "closed" });

const ready = { next_resend_at: null, cooldown_remaining: 0 } as const;

const resent = {
  ...ready,
  resend_count: 1,
  next_resend_delay: 120,
  message_key: "resend.another",
  attempt_history: [sent(-200, "send", "undelivered"), sent(-130, "resend", "accepted")],
  deliveries: [delivery(1, "undelivered"), delivery(2, "accepted")],
} as const satisfies Partial<StatusBody>;

const last = {
  ...ready,
  resend_count: 3,
  next_resend_delay: 300,
  can_change_phone: true,
  message_key: "resend.final",
  alternatives: [
    { kind: "change_phone", label: "Use another phone number", available_in: 0 },
    { kind: "voice", label: "Get the code by a phone call", available_in: 95 },
    { kind: "support", label: "help@example.com", available_in: 0 },
  ],
  attempt_history: [
    sent(-900, "send", "delivered"),
    sent(-820, "resend", "delivered"),
    sent(-660, "resend", "unknown"),
    sent(-300, "resend", "accepted"),
  ],
  deliveries: [
    delivery(1, "delivered"),
    delivery(2, "delivered"),
    delivery(3, "unknown"),
    delivery(4, "accepted"),
  ],
} as const satisfies Partial<StatusBody>;

const history: Attempt[] = [
  sent(-1500, "send", "undelivered"),
  sent(-1430, "resend", "delivered"),
  typed(-1400, "wrong"),
  typed(-1390, "wrong"),
  typed(-1372, "wrong"),
  sent(-1290, "resend", "unknown"),
  sent(-1270, "resend", "accepted", "voice"),
  typed(-1200, "wrong"),
  sent(-940, "resend", "failed", "voice"),
  sent(-900, "resend", "delivered"),
  typed(-860, "wrong"),
];

const summary: Summary = {
  days: 30,
  totals: {
    send_code: 12,
    verify_success: 9,
    verify_failed: 4,
    resend_request: 5,
    change_phone: 1,
  },
  success_rate: 0.75,
  avg_time_to_complete_seconds: 38,
  by_channel: { sms: { sends: 15, successes: 8 }, voice: { sends: 2, successes: 1 } },
  recent: [{ at: at(-18), event_type: "send_code", channel: "sms" }],
};

const refusal = (code: string, httpStatus: number, retryAfter?: number, reason?: string) =>
  new NodError({ code, title: "", detail: "", status: httpStatus, retryAfter, reason });

const folds = "details:has(.nod-tried) summary";

/** Each state that a person can meet, in the order in which they would. */
export const stories: readonly Story[] = [
  { name: "loading", title: "Loading", state: NO_PHONE },
  { name: "entry", title: "Entry of the number", state: entry },
  { name: "entry-error", title: "Entry with an error", state: entry, press: "[type=submit]" },
  {
    name: "entry-refused",
    title: "Number refused",
    state: { ...entry, phoneNumber: "+14155550123", problem: refusal("invalid_phone", 422) },
  },
  {
    name: "refused",
    title: "No codes to this country",
    state: {
      ...entry,
      phoneNumber: "+14155550123",
      problem: refusal("blocked", 403, undefined, "country"),
    },
  },
  {
    name: "sending",
    title: "Sending the code",
    state: { ...entry, phoneNumber: "+14155550123", busy: "send" },
  },
  { name: "sent", title: "Code sent, the countdown runs", state: open() },
  { name: "wrong", title: "Wrong code", state: open({ attempts_remaining: 2 }, { wrong: 1 }) },
  {
    name: "used-up",
    title: "No tries left for this code",
    state: open({ ...resent, stage: "awaiting_resend", attempts_remaining: 0 }),
  },
  { name: "resend", title: "Resend possible", state: open(resent) },
  {
    name: "cooldown",
    title: "Resend refused, too early",
    state: open(
      { ...resent, next_resend_at: at(17) },
      { problem: refusal("cooldown", 429, 17), retryIn: 17 },
    ),
  },
  {
    name: "limited",
    title: "Resend refused, too many; a code of eight digits",
    state: open(
      { ...resent, ...ready, code_length: 8 },
      { problem: refusal("rate_limited", 429, 2520), retryIn: 2520 },
    ),
  },
  { name: "final", title: "Final code sent, other ways", state: open(last) },
  {
    name: "undeliverable",
    title: "Number cannot be reached",
    state: open({
      ...last,
      resend_count: 0,
      message_key: "code.sent",
      attempt_history: [sent(-30, "send", "undelivered")],
      deliveries: [{ ...delivery(1, "undelivered"), class: "permanent_user" }],
    }),
  },
  {
    name: "change",
    title: "Changing the number",
    state: open(last),
    press: ".nod-resend-words .nod-link",
  },
  {
    name: "call",
    title: "Calling",
    state: open({
      ...resent,
      channel: "voice",
      resend_count: 2,
      next_resend_at: at(280),
      next_resend_delay: 300,
      attempt_history: [
        sent(-200, "send", "undelivered"),
        sent(-130, "resend", "unknown"),
        sent(-5, "resend", "accepted", "voice"),
      ],
      deliveries: [
        delivery(1, "undelivered"),
        delivery(2, "unknown"),
        delivery(3, "accepted", "voice"),
      ],
    }),
  },
  {
    name: "retrying",
    title: "Provider in trouble, trying again",
    state: open({
      stage: "queued",
      next_resend_at: null,
      attempt_history: [sent(-20, "send", "retrying")],
      deliveries: [delivery(1, "retrying")],
    }),
  },
  {
    name: "unknown",
    title: "Nobody knows whether it left",
    state: open({
      ...ready,
      attempt_history: [sent(-20, "send", "unknown")],
      deliveries: [delivery(1, "unknown")],
    }),
  },
  {
    name: "held",
    title: "A call held back by a rule",
    state: open({
      ...resent,
      attempt_history: [
        sent(-200, "send", "delivered"),
        sent(-130, "resend", "suppressed", "voice"),
      ],
      deliveries: [delivery(1, "delivered"), delivery(2, "suppressed", "voice")],
    }),
    press: folds,
  },
  { name: "offline", title: "Connection lost", state: open({}, { connection: "connecting" }) },
  { name: "elsewhere", title: "Goes on in another window", state: open({}, { elsewhere: true }) },
  {
    name: "locked",
    title: "Locked",
    state: open({ stage: "locked", next_resend_at: null, locked_until: at(3 * 3600) }),
  },
  {
    name: "locked-for-good",
    title: "Locked until somebody unlocks it",
    state: open({ stage: "locked", next_resend_at: null, locked_until: null }),
  },
  { name: "expired", title: "Expired", state: over({ status: "expired" }) },
  {
    name: "failed",
    title: "Failed, no tries left",
    state: over({ status: "failed", reason: "max_attempts" }),
  },
  {
    name: "unreachable",
    title: "Failed, not reachable",
    state: over({ status: "failed", reason: "undeliverable" }),
  },
  {
    name: "blocked",
    title: "Blocked",
    state: over({ status: "blocked", reason: "rate_limited" }),
  },
  {
    name: "approved",
    title: "Approved",
    state: { ...over({ status: "approved", method: "sms_code" }), phase: "approved" },
  },
  {
    name: "no-proof",
    title: "Approved, the proof not read yet",
    state: {
      ...over({ status: "approved", method: "sms_code" }),
      phase: "approved",
      problem: refusal("network", 0),
    },
  },
  {
    name: "history",
    title: "A long history",
    state: open({ ...last, attempt_history: history, deliveries: [] }),
    press: folds,
  },
  {
    name: "summary",
    title: "The person's own figures",
    state: open({ attempt_history: [], deliveries: [] }, { summary }),
    press: ".nod-resend-folds summary",
  },
];
