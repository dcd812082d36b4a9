package verify

import (
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
	"slices"
	"time"
)

// Meter is what one subject (a user, a phone, a person's IP, a prefix of numbers, a
// country) used lately. The zero value says nothing. Its JSON is the row that a store
// keeps: only this package understands it. It outlasts what it counts, so that neither
// success nor a new session, another number, a restart or an erasure gives anything
// back; its subject is a keyed hash, so that it names nobody.
//
// The methods of a nil Meter find nothing and count nothing.
type Meter struct {
	Sends    Times      `json:"sends,omitempty"`    // user, phone, IP: codes that were sent
	Prompts  Times      `json:"prompts,omitempty"`  // user: prompts that were opened
	Wrong    Times      `json:"wrong,omitempty"`    // user: wrong codes
	Checks   Times      `json:"checks,omitempty"`   // IP: codes that were compared
	Tired    Times      `json:"tired,omitempty"`    // user: prompts denied or ignored since the last that was approved
	Until    int64      `json:"until,omitempty"`    // user: no code before, [Forever]: until unlocked; prefix: no code before. Unix ms
	Level    int        `json:"level,omitempty"`    // prefix: how often it was closed lately
	Unproved []Unproved `json:"unproved,omitempty"` // prefix: sends of verifications that are not approved
	Budget   *Budget    `json:"budget,omitempty"`   // country, IP
	Profile  *Profile   `json:"profile,omitempty"`  // user
	Refused  *Refused   `json:"refused,omitempty"`  // user: the last create that was refused
	Ends     int64      `json:"ends,omitempty"`     // when nothing in it says anything any more, unix ms: see keep
}

// Unproved is a send of which nobody knows yet that a person had asked for it.
type Unproved struct {
	At int64  `json:"at"` // unix ms
	ID string `json:"id"` // of the verification: see trace
}

// trace stands for a verification in a meter of several people, which outlasts its
// erasure: who has the id finds it, and nobody comes from it to the id.
func trace(id string) string {
	sum := sha256.Sum256([]byte(id))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// Refused is a create that left a row as blocked. The same create, refused for the same
// within a minute, names that row and writes nothing: who hammers fills no table.
type Refused struct {
	Reason  Reason  `json:"reason"`
	Code    string  `json:"code"` // of the [Refusal]
	Purpose Purpose `json:"purpose,omitempty"`
	Channel Channel `json:"channel,omitempty"`
	Number  string  `json:"number,omitempty"` // keyed: [Request].NumberHash
	ID      string  `json:"id"`               // of the row
	At      int64   `json:"at"`               // unix ms
}

// refusedFor is how long a refused create stands for those after it.
const refusedFor = time.Minute

// Forever is a lock's end that only an operator brings.
var Forever = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)

// ExpiresAt is when nothing in the meter says anything any more, not before now. A
// store deletes the row then.
func (m *Meter) ExpiresAt(now time.Time) time.Time {
	return later(now, time.UnixMilli(max(m.Ends, m.Until)))
}

// Forget drops what says who the person is and names a row, for an erasure. What limits count stays:
// it names nobody, and whoever could erase it could start over.
func (m *Meter) Forget() { m.Profile, m.Refused = nil, nil }

// keep has the meter kept at least until then.
func (m *Meter) keep(until time.Time) { m.Ends = max(m.Ends, until.UnixMilli()) }

// Need is how much of the meters a rule needs, the least first.
type Need int

// The needs: each holds those before it.
const (
	NeedNone  Need = iota
	NeedUser       // the user's meter
	NeedAll        // all five, the operators' blocks, WrongToday and Since
	NeedSpend      // Spend too: a row that all sends share, so it is locked last
)

// Meters are those of one verification, read under locks in the transaction of the
// act and written back with it. Nil: nothing is limited.
//
// They are read as far as they are needed. A rule notes its need (want, or a method that
// does) before it looks; what was not read looks unused. After every run, with
// or without an error, a store asks [Meters.Lacks]: while that names a need, the
// outcome is thrown away, that much is read, from the Address that stands here then,
// and the rule runs again on fresh copies. In one transaction a subject has one Meter,
// however many verifications share it.
type Meters struct {
	User, Phone, IP, Prefix, Country *Meter // nil: not read, or not known of this verification

	Blocks     []Block   // on the number, a prefix of it or its country
	Spend      *Spend    // what codes have cost today (UTC): one for all verifications of a transaction
	WrongToday int       // wrong codes of the whole deployment in the last 24 hours
	Since      time.Time // when the deployment's database was made
	Have       Need      // what was read
	// Address is the person's IP, whose meter IP is: at first that of
	// [Verification.Context]. [Verification.From] names another.
	Address string

	lacks Need
}

// Lacks says what the rule that just ran needed and was not read. [NeedNone]: its
// outcome counts.
func (m *Meters) Lacks() Need {
	if m == nil {
		return NeedNone
	}
	return m.lacks
}

// want notes a need and reports whether it was met.
func (m *Meters) want(n Need) bool {
	if m == nil {
		return false
	}
	if m.Have < n {
		m.lacks = max(m.lacks, n)
	}
	return m.Have >= n
}

func (m *Meters) user() *Meter {
	if !m.want(NeedUser) {
		return nil
	}
	return m.User
}

func (m *Meters) phone() *Meter {
	if !m.want(NeedAll) {
		return nil
	}
	return m.Phone
}

func (m *Meters) ip() *Meter {
	if !m.want(NeedAll) {
		return nil
	}
	return m.IP
}

// From says where the person is who acts now, when that is not what the integrator
// said in [Verification.Context]: the connection's own IP, of a page or a user. It is
// to be called before the rule.
func (v *Verification) From(ip string) {
	if m := v.Meters; m != nil && ip != "" && m.Address != ip {
		m.Address = ip
		m.Have = min(m.Have, NeedUser) // the IP's meter is another one
	}
}

// MeterKey names a meter: rows are found by Subject + " " + Hash.
type MeterKey struct {
	Subject string // user, phone, ip, prefix or country
	Hash    string // keyed; of a country its code in clear
}

const (
	networkBits   = 64 // of an IPv6 address: the least that one subscriber has (RFC 6177)
	prefixDropped = 4  // digits that a prefix leaves off
	prefixMost    = 8  // digits that it has at most
)

// MeterKeys names the meters of a verification, in the order in which they are
// locked: user, phone, ip, prefix, country. What is not known is left out. An IPv6
// address counts by its /64, an IPv4-mapped one as IPv4. A prefix is the number
// without its last four digits, at most eight of them.
func (k *Keys) MeterKeys(userID string, n Number, ip string) []MeterKey {
	keys := make([]MeterKey, 0, 5)
	if userID != "" {
		keys = append(keys, MeterKey{"user", k.hash("meter user", userID)})
	}
	if !n.IsZero() {
		keys = append(keys, MeterKey{"phone", k.hash("meter phone", n.E164())})
	}
	if address := subscriber(ip); address != "" {
		keys = append(keys, MeterKey{"ip", k.hash("meter ip", address)})
	}
	if !n.IsZero() {
		keys = append(keys, MeterKey{"prefix", k.BlockKey(BlockPrefix, n.prefix())})
		if country := n.Country(); country != "" {
			keys = append(keys, MeterKey{"country", country})
		}
	}
	return keys
}

// subscriber is what of an address stands for one person; empty: it is none.
func subscriber(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	if addr = addr.Unmap().WithZone(""); addr.Is4() {
		return addr.String()
	}
	network, err := addr.Prefix(networkBits)
	if err != nil {
		return ""
	}
	return network.String()
}

// Sum is something to be added to a sum of the whole deployment. Sums are added, not
// read first, so that nobody waits for them.
type Sum struct {
	Name  string    // wrong_codes, spend or spend_warned
	Start time.Time // of the hour, for wrong_codes; of the UTC day, for the others
	N     int64     // of spend: micro-units, below zero gives back; of spend_warned: percent
}

// The sums.
const (
	SumWrongCodes = "wrong_codes"
	SumSpend      = "spend"
)

// TakeSums returns what is to be added since the last call, as
// [Verification.TakeEvents] does.
func (v *Verification) TakeSums() []Sum {
	sums := v.sums
	v.sums = nil
	return sums
}

// Times are moments, in unix milliseconds, oldest first.
type Times []int64

// wait is how long until one more keeps to all limits; 0: it does now. A moment
// counts for exactly as long as the limit says.
func (t Times) wait(limits []Limit, now time.Time) (wait time.Duration) {
	for _, l := range limits {
		if oldest := len(t) - l.N; oldest >= 0 && l.N > 0 {
			wait = max(wait, time.UnixMilli(t[oldest]).Add(l.Per).Sub(now))
		}
	}
	return wait
}

// with adds a moment and drops those that no limit looks back to.
func (t Times) with(at time.Time, limits []Limit) Times {
	n, per := 0, time.Duration(0)
	for _, l := range limits {
		n, per = max(n, l.N), max(per, l.Per)
	}
	if n == 0 {
		return nil
	}
	i, _ := slices.BinarySearch(t, at.UnixMilli()+1)
	t = slices.Insert(slices.Clone(t), i, at.UnixMilli())
	since := at.Add(-per).UnixMilli()
	t = slices.DeleteFunc(t, func(ms int64) bool { return ms <= since })
	return t[max(0, len(t)-n):]
}
