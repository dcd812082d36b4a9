package storage

import (
	"time"

	"nod/analytics"
	"nod/delivery"
	"nod/verify"
)

// This file is the one place where fields meet columns. A new field needs a
// line here, a column in a migration, and nothing else.

// column ties a field of R to a column. ref gives the field's address, wrapped
// where the database knows no such type: the same value scans and binds.
type column[R any] struct {
	name  string
	fixed bool // written with the row and never again
	ref   func(*R) any
}

// verificationRow is a verification with the sealed forms beside it.
type verificationRow struct {
	*verify.Verification
	number     string // sealed
	numberHash string
	email      string // sealed
	shown      string // sealed JSON of [shown]
}

func emptyVerification() *verificationRow {
	return &verificationRow{Verification: &verify.Verification{}}
}

// shown is what a person is shown about a request: sealed as one value.
type shown struct {
	Context        verify.Context `json:"context"`
	BindingMessage string         `json:"binding_message,omitempty"`
}

var verifications = newTable("verifications", []string{"id"}, emptyVerification, []column[verificationRow]{
	{"id", true, func(r *verificationRow) any { return &r.ID }},
	{"user_id", true, func(r *verificationRow) any { return &r.UserID }},
	{"purpose", true, func(r *verificationRow) any { return &r.Purpose }},
	{"status", false, func(r *verificationRow) any { return &r.Status }},
	{"stage", false, func(r *verificationRow) any { return &r.Stage }},
	{"reason", false, func(r *verificationRow) any { return &r.Reason }},
	{"method", false, func(r *verificationRow) any { return &r.Method }},
	{"channel", false, func(r *verificationRow) any { return &r.Channel }},
	{"number_sealed", true, func(r *verificationRow) any { return &r.number }},
	{"number_hash", true, func(r *verificationRow) any { return &r.numberHash }},
	{"email_sealed", true, func(r *verificationRow) any { return &r.email }},
	{"locale", false, func(r *verificationRow) any { return &r.Locale }},
	{"shown_sealed", true, func(r *verificationRow) any { return &r.shown }},
	{"match", false, func(r *verificationRow) any { return &r.Match }},
	{"user_verification", false, func(r *verificationRow) any { return &r.UserVerification }},
	{"key_id", false, func(r *verificationRow) any { return &r.KeyID }},
	{"secret_generation", false, func(r *verificationRow) any { return &r.SecretGeneration }},
	{"created_at", true, func(r *verificationRow) any { return (*millis)(&r.CreatedAt) }},
	{"session_ends_at", false, func(r *verificationRow) any { return (*millis)(&r.SessionEndsAt) }},
	{"ended_at", false, func(r *verificationRow) any { return (*millis)(&r.EndedAt) }},
	{"redeemed_at", false, func(r *verificationRow) any { return (*millis)(&r.RedeemedAt) }},
	{"answered_by", false, func(r *verificationRow) any { return &r.AnsweredBy }},
	{"trusted_id", false, func(r *verificationRow) any { return &r.TrustedID }},
	{"prompt_generation", false, func(r *verificationRow) any { return &r.Prompt.Generation }},
	{"prompt_key_id", false, func(r *verificationRow) any { return &r.Prompt.KeyID }},
	{"prompt_sign_key_id", false, func(r *verificationRow) any { return &r.Prompt.SignKeyID }},
	{"prompt_digits", false, func(r *verificationRow) any { return &r.Prompt.Digits }},
	{"prompt_opened_at", false, func(r *verificationRow) any { return (*millis)(&r.Prompt.OpenedAt) }},
	{"prompt_expires_at", false, func(r *verificationRow) any { return (*millis)(&r.Prompt.ExpiresAt) }},
	{"prompt_closed_at", false, func(r *verificationRow) any { return (*millis)(&r.Prompt.ClosedAt) }},
	{"prompt_displayed_at", false, func(r *verificationRow) any { return (*millis)(&r.Prompt.DisplayedAt) }},
	{"prompt_push_accepted_at", false, func(r *verificationRow) any { return (*millis)(&r.Prompt.PushAcceptedAt) }},
	{"guesses", false, func(r *verificationRow) any { return &document[[]verify.Guess]{&r.Guesses} }},
	{"refused", false, func(r *verificationRow) any { return &document[[]string]{&r.Refused} }},
	{"delays", true, func(r *verificationRow) any { return (*seconds)(&r.Delays) }},
	{"resend_count", false, func(r *verificationRow) any { return &r.ResendCount }},
	{"base_step", false, func(r *verificationRow) any { return &r.BaseStep }},
	{"not_before", false, func(r *verificationRow) any { return (*millis)(&r.NotBefore) }},
	{"last_accepted_at", false, func(r *verificationRow) any { return (*millis)(&r.LastAcceptedAt) }},
	{"code_accepted_at", false, func(r *verificationRow) any { return (*millis)(&r.CodeAcceptedAt) }},
	{"last_channel", false, func(r *verificationRow) any { return &r.LastChannel }},
	{"number_dead", false, func(r *verificationRow) any { return &r.NumberDead }},
	{"locked_until", false, func(r *verificationRow) any { return (*millis)(&r.LockedUntil) }},
	{"held", false, func(r *verificationRow) any { return &document[verify.Held]{&r.Held} }},
	{"seen", true, func(r *verificationRow) any { return &document[verify.Seen]{&r.Seen} }},
	{"next_at", false, func(r *verificationRow) any { return (*millis)(&r.NextAt) }},
	{"seq", false, func(r *verificationRow) any { return &r.Seq }},
})

// codeRow is a code with the verification it belongs to.
type codeRow struct {
	verify.Code
	owner string
}

var codes = newTable("codes", []string{"verification_id", "generation"}, blank, []column[codeRow]{
	{"verification_id", true, func(r *codeRow) any { return &r.owner }},
	{"generation", true, func(r *codeRow) any { return &r.Generation }},
	{"key_id", false, func(r *codeRow) any { return &r.KeyID }},
	{"channel", false, func(r *codeRow) any { return &r.Channel }},
	{"length", false, func(r *codeRow) any { return &r.Length }},
	{"issued_at", false, func(r *codeRow) any { return (*millis)(&r.IssuedAt) }},
	{"expires_at", false, func(r *codeRow) any { return (*millis)(&r.ExpiresAt) }},
	{"tries", false, func(r *codeRow) any { return &r.Tries }},
	{"max_tries", false, func(r *codeRow) any { return &r.MaxTries }},
})

// deliveryRow is a delivery with the verification it belongs to.
type deliveryRow struct {
	verify.Delivery
	owner string
}

var deliveries = newTable("deliveries", []string{"id"}, blank, []column[deliveryRow]{
	{"id", true, func(r *deliveryRow) any { return &r.ID }},
	{"verification_id", true, func(r *deliveryRow) any { return &r.owner }},
	{"channel", false, func(r *deliveryRow) any { return &r.Channel }},
	{"device_id", false, func(r *deliveryRow) any { return &r.DeviceID }},
	{"provider", false, func(r *deliveryRow) any { return &r.Provider }},
	{"prompt_generation", false, func(r *deliveryRow) any { return &r.PromptGeneration }},
	{"code_generation", false, func(r *deliveryRow) any { return &r.CodeGeneration }},
	{"resend", false, func(r *deliveryRow) any { return &r.Resend }},
	{"fallback", false, func(r *deliveryRow) any { return &r.Fallback }},
	{"state", false, func(r *deliveryRow) any { return &r.State }},
	{"class", false, func(r *deliveryRow) any { return &r.Class }},
	{"detail", false, func(r *deliveryRow) any { return &r.Detail }},
	{"provider_id", false, func(r *deliveryRow) any { return &r.ProviderID }},
	{"attempts", false, func(r *deliveryRow) any { return &r.Attempts }},
	{"tried", false, func(r *deliveryRow) any { return &r.Tried }},
	{"country", false, func(r *deliveryRow) any { return &r.Country }},
	{"cost", false, func(r *deliveryRow) any { return &r.Cost }},
	{"created_at", true, func(r *deliveryRow) any { return (*millis)(&r.CreatedAt) }},
	{"due_at", false, func(r *deliveryRow) any { return (*millis)(&r.DueAt) }},
	{"lease_token", false, func(r *deliveryRow) any { return &r.LeaseToken }},
	{"lease_end_at", false, func(r *deliveryRow) any { return (*millis)(&r.LeaseEndAt) }},
	{"accepted_at", false, func(r *deliveryRow) any { return (*millis)(&r.AcceptedAt) }},
	{"unanswered", false, func(r *deliveryRow) any { return &r.Unanswered }},
	{"ask_at", false, func(r *deliveryRow) any { return (*millis)(&r.AskAt) }},
	{"changed_at", false, func(r *deliveryRow) any { return (*millis)(&r.ChangedAt) }},
})

var events = newTable("events", []string{"id"}, blank, []column[verify.Event]{
	{"id", true, func(e *verify.Event) any { return &e.ID }},
	{"verification_id", true, func(e *verify.Event) any { return (*optional)(&e.VerificationID) }},
	{"user_id", true, func(e *verify.Event) any { return &e.UserID }},
	{"seq", true, func(e *verify.Event) any { return &e.Seq }},
	{"name", true, func(e *verify.Event) any { return &e.Name }},
	{"at", true, func(e *verify.Event) any { return (*millis)(&e.At) }},
	{"data", true, func(e *verify.Event) any { return &document[verify.EventData]{&e.Data} }},
})

// deviceRow is a device with the sealed form of its push token beside it.
type deviceRow struct {
	*verify.Device
	pushProvider string
	push         string // sealed
}

func emptyDevice() *deviceRow { return &deviceRow{Device: &verify.Device{}} }

var devices = newTable("devices", []string{"id"}, emptyDevice, []column[deviceRow]{
	{"id", true, func(r *deviceRow) any { return &r.ID }},
	{"user_id", true, func(r *deviceRow) any { return &r.UserID }},
	{"name", false, func(r *deviceRow) any { return &r.Name }},
	{"platform", false, func(r *deviceRow) any { return &r.Platform }},
	{"sign_key", false, func(r *deviceRow) any { at := &r.SignKey; return &publicKey{&at} }},
	{"encrypt_key", false, func(r *deviceRow) any { return &publicKey{&r.EncryptKey} }},
	{"push_provider", false, func(r *deviceRow) any { return &r.pushProvider }},
	{"push_sealed", false, func(r *deviceRow) any { return &r.push }},
	{"created_at", true, func(r *deviceRow) any { return (*millis)(&r.CreatedAt) }},
	{"seen_at", false, func(r *deviceRow) any { return (*millis)(&r.SeenAt) }},
	{"revoked_at", false, func(r *deviceRow) any { return (*millis)(&r.RevokedAt) }},
})

// trustedRow is a trusted device with the sealed form of what its person is shown
// of it.
type trustedRow struct {
	*verify.TrustedDevice
	shown string // sealed JSON of [trustedShown]
}

// trustedShown is by what a person knows a trusted device.
type trustedShown struct {
	UserAgent string `json:"user_agent,omitempty"`
	Location  string `json:"location,omitempty"`
}

func emptyTrusted() *trustedRow { return &trustedRow{TrustedDevice: &verify.TrustedDevice{}} }

var trusted = newTable("trusted_devices", []string{"id"}, emptyTrusted, []column[trustedRow]{
	{"id", true, func(r *trustedRow) any { return &r.ID }},
	{"user_id", true, func(r *trustedRow) any { return &r.UserID }},
	{"key_id", true, func(r *trustedRow) any { return &r.KeyID }},
	{"generation", false, func(r *trustedRow) any { return &r.Generation }},
	{"networks", true, func(r *trustedRow) any { return &document[[]string]{&r.Networks} }},
	{"shown_sealed", true, func(r *trustedRow) any { return &r.shown }},
	{"approved_at", true, func(r *trustedRow) any { return (*millis)(&r.ApprovedAt) }},
	{"expires_at", true, func(r *trustedRow) any { return (*millis)(&r.ExpiresAt) }},
	{"rotated_at", false, func(r *trustedRow) any { return (*millis)(&r.RotatedAt) }},
	{"used_at", false, func(r *trustedRow) any { return (*millis)(&r.UsedAt) }},
	{"revoked_at", false, func(r *trustedRow) any { return (*millis)(&r.RevokedAt) }},
	{"revoked_reason", false, func(r *trustedRow) any { return &r.RevokedReason }},
})

var enrollments = newTable("enrollments", []string{"id"}, blank, []column[verify.Enrollment]{
	{"id", true, func(e *verify.Enrollment) any { return &e.ID }},
	{"user_id", true, func(e *verify.Enrollment) any { return &e.UserID }},
	{"created_at", true, func(e *verify.Enrollment) any { return (*millis)(&e.CreatedAt) }},
	{"expires_at", true, func(e *verify.Enrollment) any { return (*millis)(&e.ExpiresAt) }},
	{"used_at", false, func(e *verify.Enrollment) any { return (*millis)(&e.UsedAt) }},
})

var settings = newTable("settings", []string{"user_id"}, blank, []column[verify.Settings]{
	{"user_id", true, func(s *verify.Settings) any { return &s.UserID }},
	{"channel_preference", false, func(s *verify.Settings) any { return &s.Preference }},
	{"locale", false, func(s *verify.Settings) any { return &s.Locale }},
	{"changed_at", false, func(s *verify.Settings) any { return (*millis)(&s.ChangedAt) }},
})

var holds = newTable("holds", []string{"user_id"}, blank, []column[verify.Hold]{
	{"user_id", true, func(h *verify.Hold) any { return &h.UserID }},
	{"blocked_at", false, func(h *verify.Hold) any { return (*millis)(&h.BlockedAt) }},
	{"lifted_at", false, func(h *verify.Hold) any { return (*millis)(&h.LiftedAt) }},
})

// answerRow is a recorded answer to an Idempotency-Key.
type answerRow struct {
	verify.Answer
	id        string // keyed hash of scope and key
	bodyHash  string // keyed
	body      string // sealed
	createdAt time.Time
}

var idempotency = newTable("idempotency", []string{"id"}, blank, []column[answerRow]{
	{"id", true, func(r *answerRow) any { return &r.id }},
	{"body_hash", true, func(r *answerRow) any { return &r.bodyHash }},
	{"status", false, func(r *answerRow) any { return &r.Status }},
	{"body_sealed", false, func(r *answerRow) any { return &r.body }},
	{"verification_id", false, func(r *answerRow) any { return &r.VerificationID }},
	{"secret_generation", false, func(r *answerRow) any { return &r.SecretGeneration }},
	{"prompt_generation", false, func(r *answerRow) any { return &r.PromptGeneration }},
	{"trusted_generation", false, func(r *answerRow) any { return &r.TrustedGeneration }},
	{"subject", false, func(r *answerRow) any { return &r.Subject }},
	{"created_at", true, func(r *answerRow) any { return (*millis)(&r.createdAt) }},
})

var keyring = newTable("keys", []string{"id"}, blank, []column[verify.StoredKey]{
	{"id", true, func(k *verify.StoredKey) any { return &k.ID }},
	{"kind", true, func(k *verify.StoredKey) any { return &k.Kind }},
	{"sealed", false, func(k *verify.StoredKey) any { return (*base64Text)(&k.Sealed) }},
	{"created_at", true, func(k *verify.StoredKey) any { return (*millis)(&k.CreatedAt) }},
})

// webhookRow is an event on its way to the integrator.
type webhookRow struct {
	id        string // the event's
	state     delivery.WebhookState
	dueAt     time.Time
	attempts  int
	begunAt   time.Time
	lease     string
	status    int
	detail    string
	createdAt time.Time
	settledAt time.Time
}

var webhooks = newTable("webhooks", []string{"event_id"}, blank, []column[webhookRow]{
	{"event_id", true, func(r *webhookRow) any { return &r.id }},
	{"state", false, func(r *webhookRow) any { return &r.state }},
	{"due_at", false, func(r *webhookRow) any { return (*millis)(&r.dueAt) }},
	{"attempts", false, func(r *webhookRow) any { return &r.attempts }},
	{"begun_at", false, func(r *webhookRow) any { return (*millis)(&r.begunAt) }},
	{"lease_token", false, func(r *webhookRow) any { return &r.lease }},
	{"status", false, func(r *webhookRow) any { return &r.status }},
	{"detail", false, func(r *webhookRow) any { return &r.detail }},
	{"created_at", true, func(r *webhookRow) any { return (*millis)(&r.createdAt) }},
	{"settled_at", false, func(r *webhookRow) any { return (*millis)(&r.settledAt) }},
})

// tallyRow is one sum of an hour, a day or a week.
type tallyRow struct {
	span  string
	start time.Time
	analytics.Group
	measure string
	n       int64
}

const week = 7 * 24 * time.Hour

// lengths are the spans of sums, which begin at multiples of their lengths: weeks on
// Mondays, in UTC.
var lengths = map[string]time.Duration{"hour": time.Hour, "day": 24 * time.Hour, "week": week}

var tallies = newTable("tallies", []string{"span", "start", "family", "cell", "measure"}, blank, []column[tallyRow]{
	{"span", true, func(r *tallyRow) any { return &r.span }},
	{"start", true, func(r *tallyRow) any { return (*millis)(&r.start) }},
	{"family", true, func(r *tallyRow) any { return &r.Family }},
	{"cell", true, func(r *tallyRow) any { return &r.Cell }},
	{"measure", true, func(r *tallyRow) any { return &r.measure }},
	{"n", false, func(r *tallyRow) any { return &r.n }},
})

// blockRow is an operator's block under its name.
type blockRow struct {
	verify.Block
	name string // see [nameOf]
}

var blocks = newTable("blocks", []string{"id"}, blank, []column[blockRow]{
	{"id", true, func(r *blockRow) any { return &r.ID }},
	{"kind", true, func(r *blockRow) any { return &r.Kind }},
	{"key", true, func(r *blockRow) any { return &r.name }},
	{"label", true, func(r *blockRow) any { return &r.Label }},
	{"at", true, func(r *blockRow) any { return (*millis)(&r.At) }},
	{"made_by", true, func(r *blockRow) any { return &r.By }},
})

// meterRow is a meter as it rests.
type meterRow struct {
	key       string // subject and hash
	state     string // JSON
	expiresAt time.Time
}

var meters = newTable("meters", []string{"key"}, blank, []column[meterRow]{
	{"key", true, func(r *meterRow) any { return &r.key }},
	{"state", false, func(r *meterRow) any { return &r.state }},
	{"expires_at", false, func(r *meterRow) any { return (*millis)(&r.expiresAt) }},
})

// budgetRow is a part of what one span of a country's budget saw.
type budgetRow struct {
	verify.Count
	country string
	endsAt  time.Time
	width   int64 // minutes
	slot    int64
}

var budgets = newTable("budgets", []string{"country", "ends_at", "width", "slot"}, blank, []column[budgetRow]{
	{"country", true, func(r *budgetRow) any { return &r.country }},
	{"ends_at", true, func(r *budgetRow) any { return (*millis)(&r.endsAt) }},
	{"width", true, func(r *budgetRow) any { return &r.width }},
	{"slot", true, func(r *budgetRow) any { return &r.slot }},
	{"nr", true, func(r *budgetRow) any { return &r.Nr }},
	{"sent", false, func(r *budgetRow) any { return &r.Sent }},
	{"proved", false, func(r *budgetRow) any { return &r.Proved }},
})

// sumRow is a part of a sum.
type sumRow struct {
	verify.Sum
	slot int64
}

var sums = newTable("sums", []string{"name", "start", "slot"}, blank, []column[sumRow]{
	{"name", true, func(s *sumRow) any { return &s.Name }},
	{"start", true, func(s *sumRow) any { return (*millis)(&s.Start) }},
	{"slot", true, func(s *sumRow) any { return &s.slot }},
	{"n", false, func(s *sumRow) any { return &s.N }},
})
