package verify

import "time"

// Policy holds every figure that the rules follow (contract, section 4). The
// zero value is not usable; start from [DefaultPolicy]. The defaults for codes keep
// to NIST SP 800-63B-4, section 3.1.3.2: six digits or more, ten minutes or less,
// accepted once.
type Policy struct {
	CodeLength     int
	StrictLength   int // of a code beside a strict match; never shorter than CodeLength
	CodeLife       time.Duration
	TriesPerCode   int
	ResendDelays   []time.Duration // the last one is repeated
	Resends        int             // per session
	SessionLife    time.Duration
	PromptLife     time.Duration
	MatchDigits    int
	StrictDigits   int
	SocketTimeout  time.Duration   // a socket delivery not acknowledged: push
	PushTimeout    time.Duration   // a push not acknowledged: SMS
	FallbackSlack  time.Duration   // SMS at the latest SocketTimeout + PushTimeout + this after the prompt opened
	ReportHold     time.Duration   // no new login of a user who said "this isn't me"
	OfferAfter     time.Duration   // a displayed prompt: when the page offers an SMS
	PushesPerRound int             // tries of one push delivery
	SMSTries       int             // tries of one SMS or call that was certainly not taken
	LeaseLife      time.Duration   // how long a worker has a delivery
	SocketLease    time.Duration   // the same of one over the socket, when that is shorter
	AskAfter       []time.Duration // after acceptance: when a provider that sent no receipt is asked for one
	VoiceFallback  bool            // a call, by itself, after two SMS that failed

	// Predict says which resend delays suit a country ([Number.Country]) better than
	// ResendDelays, from evidence; nil, or a nil answer: those. A session keeps the
	// answer of its start. It must be safe for concurrent use and quick.
	Predict func(country string) []time.Duration

	// Worker is the token of this process, which sends at once what it asks the app over
	// the socket: such a delivery is born sending, its own. Empty: it waits to be claimed.
	Worker string

	// Support says whom a person may ask when nothing arrives; empty: nobody. It is
	// only shown.
	Support string

	// Limits are what attackers meet; the zero value limits nothing.
	Limits Limits

	// What has a provider, or is simulated. A channel without one is absent.
	HasPush, HasSMS, HasVoice, HasEmail bool
}

// DefaultPolicy returns the contract's defaults with no channel but the socket.
func DefaultPolicy() Policy {
	return Policy{
		CodeLength: 6, StrictLength: 8, CodeLife: 10 * time.Minute, TriesPerCode: 3,
		ResendDelays: []time.Duration{60 * time.Second, 120 * time.Second, 300 * time.Second},
		Resends:      3, SessionLife: time.Hour, PromptLife: 2 * time.Minute,
		MatchDigits: 3, StrictDigits: 6,
		SocketTimeout: 5 * time.Second, PushTimeout: 25 * time.Second, FallbackSlack: 5 * time.Second,
		ReportHold: 15 * time.Minute, OfferAfter: 10 * time.Second, PushesPerRound: 3, SMSTries: 2, LeaseLife: 30 * time.Second, SocketLease: 2 * time.Second,
		AskAfter: []time.Duration{time.Minute, 5 * time.Minute}, Limits: DefaultLimits(),
	}
}

// Lease is how long a worker has a delivery over a channel. A prompt over the socket may be
// sent twice, so that one is short: what a process that died was about to send, another
// sends soon.
func (p *Policy) Lease(c Channel) time.Duration {
	if c == WebSocket {
		return min(p.SocketLease, p.LeaseLife)
	}
	return p.LeaseLife
}

// predict returns the resend delays of a session that may send to a number; nil
// where the policy's own are as good.
func (p *Policy) predict(n Number) []time.Duration {
	if p.Predict == nil || n.IsZero() {
		return nil
	}
	return p.Predict(n.Country())
}

func (p *Policy) codeLength(m Match) int {
	if m == Strict {
		return max(p.CodeLength, p.StrictLength)
	}
	return p.CodeLength
}

func (p *Policy) digits(m Match) int {
	switch m {
	case None:
		return 0
	case Strict:
		return p.StrictDigits
	}
	return p.MatchDigits
}
