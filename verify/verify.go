// Package verify is the domain of nod: what a verification is, and every rule
// about it. It decides; it never reads a clock, a store or a network. The time
// is an argument, the state is a value, and a rule may run twice on fresh
// copies (the store runs it inside its transaction and may retry).
//
// A [Verification] is an aggregate: one request to prove control, with its
// prompt, its codes, its deliveries and the events that its transitions emit.
// All changes go through its methods; each either changes the aggregate and
// records events, or returns a [*Refusal] and changes nothing.
//
// The life of a verification:
//
//	Start ─┬─▶ blocked (refused before any send)
//	       └─▶ pending ─▶ approved  a device's answer, or a code
//	                   ─▶ denied    a device's answer
//	                   ─▶ failed    tries used up, or no way to the number
//	                   ─▶ expired   the session ended, or nothing is live and nothing can be sent
//	                   ─▶ canceled, superseded  by a wish, a number that was left, a newer login
//
// The stage of a pending one is read off the facts, the first that holds:
//
//	locked           too many wrong codes were typed: neither this code nor another helps, the app does
//	code_entry       a code that may have arrived can still be typed
//	prompted         the prompt is open and a device has it
//	contacting_app   the prompt is open and has left for a device
//	queued           the prompt, or a code, has yet to leave
//	awaiting_resend  nothing is live; a resend or the next channel can help
//
// The life of a delivery (see [DeliveryState]):
//
//	queued ─▶ leased ─▶ sending ─▶ accepted ─▶ delivered ─▶ displayed ─▶ responded
//	  ▲        │  ▲        ├─▶ undelivered, failed  (an app's receipt may still follow)
//	  └────────┘  │        └─▶ unknown              (no answer came; a code is never sent again by itself)
//	lease ended   └─ retrying ◀─ sending            (not taken: again later, or by another provider at once; a prompt also when nobody knows)
//	queued, retrying ─▶ sending                   (over the socket, at once: when a worker claims it, or when its own process writes it)
//	queued, leased, retrying ─▶ canceled, expired   (what it tells has ended)
//	retrying ─▶ canceled                            (of a code: another was asked for)
//	sending, unknown ─▶ accepted ─▶ undelivered ─▶ delivered   (what a provider tells of a code, see [Verification.Receive])
//
// What attackers try is limited by what a user, a number, a person's IP, a prefix of
// numbers and a country used lately (see [Meters] and [Limits]). A limit on codes never
// takes the app away: only where nobody can be asked is a start refused.
//
// No code, match number, client secret or result token rests anywhere: each is
// derived from a key and the row's generation where it is sent and where it is
// checked (see [Keys]).
package verify

import (
	"strings"
	"time"

	"github.com/google/uuid"
)

// Purpose says what a verification proves.
type Purpose string

// The purposes.
const (
	Login Purpose = "login" // is it you? The app is asked first
	Phone Purpose = "phone" // is this number yours? Only a code over that number proves it
)

// Status is where a verification stands. All but [Pending] are terminal.
type Status string

// The statuses.
const (
	Pending    Status = "pending"
	Approved   Status = "approved"
	Denied     Status = "denied"
	Expired    Status = "expired"
	Failed     Status = "failed"
	Blocked    Status = "blocked"
	Canceled   Status = "canceled"
	Superseded Status = "superseded"
)

// Stage refines [Pending]; it is empty on a terminal verification.
type Stage string

// The stages.
const (
	Queued         Stage = "queued"          // nothing has left yet
	ContactingApp  Stage = "contacting_app"  // the request is on its way to the app
	Prompted       Stage = "prompted"        // a device has the prompt
	CodeEntry      Stage = "code_entry"      // a code is out and can be typed
	AwaitingResend Stage = "awaiting_resend" // nothing is live; a resend can help
	Locked         Stage = "locked"          // code entry is closed for this user
)

// Reason explains a terminal status.
type Reason string

// The reasons.
const (
	UserDenied    Reason = "user_denied"
	UserReported  Reason = "user_reported"
	WrongNumber   Reason = "wrong_number"
	MaxAttempts   Reason = "max_attempts"
	Undeliverable Reason = "undeliverable"
	RateLimited   Reason = "rate_limited"
	FraudRule     Reason = "fraud_rule"
	CountryBarred Reason = "country"   // no code goes to numbers of this country
	SpendStopped  Reason = "spend_cap" // what a day's codes may cost is spent
	AccountLocked Reason = "account_locked"
	PhoneChanged  Reason = "phone_changed"
)

// Method says how a verification was approved.
type Method string

// The methods.
const (
	ByApp           Method = "app"
	BySMSCode       Method = "sms_code"
	ByVoiceCode     Method = "voice_code"
	ByEmailCode     Method = "email_code"
	ByTrustedDevice Method = "trusted_device"
)

// Channel is a way to a person. A request names one of the first five; a
// delivery uses one of the last five.
type Channel string

// The channels. Email is none of the ladder: a code goes there only when it is
// asked for by name, and proves a login at most.
const (
	Auto      Channel = "auto" // app, then SMS
	Both      Channel = "both" // app and SMS at once
	Push      Channel = "push" // as a request: the app only
	SMS       Channel = "sms"
	Voice     Channel = "voice"
	WebSocket Channel = "websocket"
	Email     Channel = "email"
)

// App reports whether the channel reaches a device rather than a number or a mailbox.
func (c Channel) App() bool { return c == WebSocket || c == Push }

// number reports whether the channel reaches a phone number.
func (c Channel) number() bool { return c == SMS || c == Voice }

// Match says how the number on the page reaches the phone. It is always typed:
// comparing two numbers and tapping "yes" is no longer acceptable (NIST SP
// 800-63B-4, section 3.1.3), because people tap without comparing.
type Match string

// The match modes.
const (
	Typed  Match = "typed"  // three digits and one try
	Strict Match = "strict" // six digits, what section 3.1.3.2 asks of such a secret
	None   Match = "none"   // no number; for purposes where the phone is the only screen
)

// Context is what the person is shown about the request.
type Context struct {
	App       string `json:"app,omitempty" maxLength:"80"`
	IP        string `json:"ip,omitempty" maxLength:"45"`
	UserAgent string `json:"user_agent,omitempty" maxLength:"400"`
	Location  string `json:"location,omitempty" maxLength:"120"`
}

// Prompt is the request that the user's devices show. A resend over push makes
// a new generation with a new number.
type Prompt struct {
	Generation     int    // 0: no prompt was ever made
	KeyID          string // the match number is derived from it
	SignKeyID      string // the prompt is signed with it
	Digits         int    // length of the match number; 0 for Match none
	OpenedAt       time.Time
	ExpiresAt      time.Time
	ClosedAt       time.Time // zero while open
	DisplayedAt    time.Time // first display on any device; zero before
	PushAcceptedAt time.Time // first push a provider took; zero before
}

// Open reports whether devices may still answer at now.
func (p Prompt) Open(now time.Time) bool {
	return p.Generation > 0 && p.ClosedAt.IsZero() && now.Before(p.ExpiresAt)
}

// Code is one generation of a code. SMS and voice to one number share it.
type Code struct {
	Generation int
	KeyID      string
	Channel    Channel // the channel it last left on: decides the [Method]
	Length     int
	IssuedAt   time.Time
	ExpiresAt  time.Time
	Tries      int // wrong guesses so far
	MaxTries   int
}

// Live reports whether the code can still be checked at now.
func (c Code) Live(now time.Time) bool { return now.Before(c.ExpiresAt) && c.Tries < c.MaxTries }

// Guess is one wrong or right code that was typed, kept for the person's own
// history. It never holds the digits.
type Guess struct {
	At      time.Time `json:"at"`
	Channel Channel   `json:"channel"`
	OK      bool      `json:"ok"`
}

// Verification is the aggregate. Its exported fields are the row; stores read
// and write them, everything else goes through the methods.
type Verification struct {
	ID      string
	UserID  string
	Purpose Purpose

	Status Status
	Stage  Stage
	Reason Reason
	Method Method

	Channel          Channel // as asked for: auto, push, sms, both or voice
	Number           Number  // zero when no number is known
	Email            Mailbox // zero when no code may go by mail
	Locale           string
	Context          Context
	BindingMessage   string
	Match            Match
	UserVerification bool // the answer must carry the user's verification on the phone

	KeyID            string // the key that the client secret and result tokens are derived from
	SecretGeneration int    // the client secret of a lower generation is void
	CreatedAt        time.Time
	SessionEndsAt    time.Time
	EndedAt          time.Time // zero while pending
	RedeemedAt       time.Time // zero until a result token was exchanged
	AnsweredBy       string    // id of the device whose answer decided; empty otherwise

	Prompt  Prompt
	Codes   []Code // oldest first
	Guesses []Guess
	Refused []string // codes of the resends refused since the last one that was not

	Delays         []time.Duration // resend delays that were predicted at the start; empty: the policy's
	ResendCount    int
	BaseStep       int       // delay step carried over from an earlier session of the same user and number
	NotBefore      time.Time // no code leaves before: the cooldown of that earlier session; zero when none
	LastAcceptedAt time.Time // last send that was accepted; the cooldown starts here
	CodeAcceptedAt time.Time // last code that a provider accepted: what a later session carries over
	LastChannel    Channel   // what a resend without a channel repeats
	NumberDead     bool      // a provider said that the number can never be reached
	LockedUntil    time.Time // no code is sent or compared before, as far as this verification knows; [Forever]: until unlocked; zero: not locked
	Held           Held      // what is known to be closed, for pages: no rule asks it
	Seen           Seen      // where it was started

	Deliveries []Delivery // oldest first
	Devices    []Device   // the user's live devices: read only, as they stand in this transaction
	Hold       Hold       // what an operator decided about the user: read only, and only for an update
	Meters     *Meters    // no column: what was used lately, as it stands in this transaction; nil: nothing is limited
	TrustedID  string     // of the trusted device whose good token came with the create, did it do or not; empty: none

	NextAt time.Time // when something is due by itself; zero: never again
	Seq    int64     // of the last event
	events []Event
	sums   []Sum
	trust  TrustRule // see [Verification.TakeTrust]
	place  string    // see country
	bar    uint32    //nolint:modernize // see barred; an atomic.Uint32 cannot be copied, a Verification is
}

// Terminal reports whether the verification has ended.
func (v *Verification) Terminal() bool { return v.Status != Pending }

// country is that of the number, looked up once: a start tells it several times.
func (v *Verification) country() string {
	if v.place == "" && !v.Number.IsZero() {
		v.place = v.Number.Country()
	}
	return v.place
}

// TakeEvents returns the events emitted since the last call, in order. The
// store writes them in the transaction of the change.
func (v *Verification) TakeEvents() []Event {
	es := v.events
	v.events = nil
	return es
}

// NewID returns a new id: the prefix (ver, dev, dlv, evt, enr, trd), an underscore
// and a UUIDv7 in 32 hex digits, so ids sort by time.
func NewID(prefix string) string {
	return prefix + "_" + strings.ReplaceAll(uuid.Must(uuid.NewV7()).String(), "-", "")
}
