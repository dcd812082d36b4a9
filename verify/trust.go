package verify

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const (
	// TrustLife is how long a trusted device is trusted after the approval.
	TrustLife = 30 * 24 * time.Hour
	// TrustOverlap is how long the token before the newest stays good while the
	// newest is unused, so that several tabs, and an answer that was lost, do no harm.
	TrustOverlap = time.Minute
	// MaxTrusted is how many live trusted devices a user may have; one more ends the
	// oldest.
	MaxTrusted = 20
	// maxNetworks is how many networks a trusted device remembers: the newest.
	maxNetworks = 10
	// reportMemory is how long "this isn't me", a lock and fatigue speak against every
	// skip of the user.
	reportMemory = 30 * 24 * time.Hour
)

// Why a trusted device is one no more, in the event that tells it. One whose user
// says "this isn't me" has [UserReported].
const (
	TrustReused   Reason = "reuse_detected" // an old token came again: somebody has a copy
	TrustReplaced Reason = "replaced"       // the same browser was remembered anew
	TrustCrowded  Reason = "too_many"       // the oldest of more than [MaxTrusted]
	TrustRevoked  Reason = "revoked"        // by the user or the integrator
)

// TrustedDevice is a browser or app in which a person was approved once and asked
// not to be asked again for a while. It is a family of tokens of which only the
// newest is good: each use gives the next, so that a stolen one shows itself when
// both its owner and the thief have used theirs (RFC 9700, section 4.14.2, asks the
// same of refresh tokens). No token rests anywhere; each is derived from the row
// ([Keys.TrustedToken]).
type TrustedDevice struct {
	ID         string // trd_…
	UserID     string
	KeyID      string   // the code key that all its tokens are derived from
	Generation int      // of the newest token: 1, 2, 3 …
	Networks   []string // where its person was approved, oldest first: see [Keys.Network]
	UserAgent  string   // as the integrator told it; rests sealed
	Location   string   // likewise

	ApprovedAt    time.Time // the real approval: a skip is none
	ExpiresAt     time.Time // ApprovedAt + [TrustLife]
	RotatedAt     time.Time // when the newest token was made
	UsedAt        time.Time // the last skip; zero before the first
	RevokedAt     time.Time // zero until it is trusted no more
	RevokedReason Reason    // empty likewise

	events []Event
}

// TrustClaim is a trusted device's token as it came with a create, and where from.
// The zero value says that none came, or none of ours.
type TrustClaim struct {
	DeviceID   string
	Generation int
	Network    string // where the person is now: see [Keys.Network]
}

// doubt is what speaks against a trusted device; empty: nothing.
type doubt string

// The doubts.
const (
	doubtUnknown  doubt = "unknown"  // no token, or none that this user can have
	doubtReused   doubt = "reused"   // a token that was used up: somebody has a copy
	doubtBlocked  doubt = "blocked"  // the user, by an operator
	doubtReported doubt = "reported" // "this isn't me", in the last 30 days
	doubtLocked   doubt = "locked"   // too many wrong codes, in the last 30 days
	doubtTired    doubt = "tired"    // prompts denied or ignored in a row, in the last 30 days and none approved since
	doubtRisky    doubt = "risky"    // the start looks unusual
	doubtAsked    doubt = "asked"    // for what only a person can give: see [Request.person]
	doubtNetwork  doubt = "network"  // the person was never approved from here
)

// told adds what speaks against a trusted device of the user to the reasons of a score:
// "trusted_network" and the like.
func (d doubt) told(reasons []string) []string {
	if d == "" || d == doubtUnknown {
		return reasons
	}
	return append(reasons, "trusted_"+string(d))
}

// doubt decides whether the trusted device whose token came with a login may stand
// in for its person: the one place where anything can speak against it (contract,
// section 4). That a token was used up comes before all that would only make it
// useless here, because the alarm must not depend on where the thief sits.
func (s *Situation) doubt(q *Request, p *Policy, score int, now time.Time) doubt {
	d, c := s.Trusted, q.Trusted
	switch {
	case q.Purpose != Login || d == nil || d.ID != c.DeviceID || d.UserID != q.UserID || !d.Live(now) || c.Generation > d.Generation:
		return doubtUnknown // a later generation than ever was: the database is an older copy
	case !d.keeps(c.Generation, now):
		return doubtReused
	case s.Hold.Blocked():
		return doubtBlocked
	case !s.ReportedAt.IsZero() && now.Sub(s.ReportedAt) < reportMemory:
		return doubtReported
	case s.Meters.user().lockedLately(now):
		return doubtLocked
	case s.Meters.user().tired(p.Limits.Fatigue, reportMemory, now) > 0:
		return doubtTired
	case score >= riskyScore:
		return doubtRisky
	case q.person():
		return doubtAsked
	case !slices.Contains(d.Networks, c.Network):
		return doubtNetwork
	}
	return ""
}

// lockedLately reports whether the user is or was locked, unless an operator has unlocked.
func (m *Meter) lockedLately(now time.Time) bool {
	return m != nil && m.Until > 0 && now.Before(time.UnixMilli(m.Until).Add(reportMemory))
}

// person reports whether a login is one that only the person can approve, however
// trusted the browser: who holds the phone is to be looked at, there is something to
// read before saying yes, or the stronger match was asked for.
func (q *Request) person() bool {
	return q.UserVerification || q.BindingMessage != "" || q.Match == Strict
}

// skip approves v in its first moment when a trusted device stands in for the
// person. Otherwise v goes on as if no token had come, except that a reused one
// ends the whole family.
func (v *Verification) skip(q *Request, s *Situation, why doubt, risk EventData, now time.Time) bool {
	switch why {
	case doubtUnknown:
		return false
	case doubtReused:
		s.Trusted.Alarm(now)
		return false
	default:
		v.TrustedID = s.Trusted.ID
		if why != "" {
			return false
		}
	}
	if s.Open != nil {
		s.Open.supersede(v.ID, now)
	}
	v.Email = Mailbox{} // no code will be sent
	v.created(risk, now)
	v.emit(EventSkippedTrusted, now, EventData{TrustedID: v.TrustedID})
	v.end(Approved, "", ByTrustedDevice, EventApproved, now, EventData{})
	s.Trusted.use(q.Trusted.Generation, now)
	return true
}

// Live reports whether the device can be trusted at now.
func (d *TrustedDevice) Live(now time.Time) bool {
	return d.RevokedAt.IsZero() && now.Before(d.ExpiresAt)
}

// keeps reports whether a token of this generation is good: the newest, or the one
// before for a while. Once the newest was used, the one before is two behind.
func (d *TrustedDevice) keeps(generation int, now time.Time) bool {
	return generation == d.Generation || generation == d.Generation-1 && now.Sub(d.RotatedAt) < TrustOverlap
}

// use rotates: the newest token makes the next one, the one before it gives the
// newest again.
func (d *TrustedDevice) use(generation int, now time.Time) {
	if generation == d.Generation {
		d.Generation, d.RotatedAt = generation+1, now
	}
	d.UsedAt = now
	d.emit(EventTrustedUsed, now, "")
}

// Alarm ends a family of which an old token came again. Nobody can say who came,
// the owner or a thief, so neither is trusted.
func (d *TrustedDevice) Alarm(now time.Time) {
	if !d.Live(now) {
		return
	}
	d.emit(EventTrustedReused, now, "")
	d.Revoke(TrustReused, now)
}

// Revoke ends a live family and does nothing to another.
func (d *TrustedDevice) Revoke(why Reason, now time.Time) {
	if d.Live(now) {
		d.RevokedAt, d.RevokedReason = now, why
		d.emit(EventTrustedRevoked, now, why)
	}
}

func (d *TrustedDevice) emit(name string, now time.Time, why Reason) {
	d.events = append(d.events, Event{UserID: d.UserID, Name: name, At: now, Data: EventData{TrustedID: d.ID, Reason: why}})
}

// TakeEvents returns the events since the last call, in order, as
// [Verification.TakeEvents] does. They are the user's, of no verification.
func (d *TrustedDevice) TakeEvents() []Event {
	es := d.events
	d.events = nil
	return es
}

// TrustRule decides by the live trusted devices of a user, oldest approval first.
// It may change them; what it returns is kept as a new one, nil is none.
type TrustRule func(live []*TrustedDevice, now time.Time) *TrustedDevice

// TakeTrust returns what a rule that just ran means for the user's trusted devices,
// once; nil when nothing. The store runs it in the same transaction.
func (v *Verification) TakeTrust() TrustRule {
	rule := v.trust
	v.trust = nil
	return rule
}

// Remember trusts, from its approval on, the browser that an approved login was
// started for, and returns the new device. It takes the place of the one whose token
// came with the login and did not do, with its networks. Nil when nothing was proved
// that could be remembered: what a trusted device approved would never end, and a
// number is no person.
func (v *Verification) Remember(k *Keys, now time.Time) *TrustedDevice {
	if v.Status != Approved || v.Purpose != Login || v.Method == ByTrustedDevice {
		return nil
	}
	added := &TrustedDevice{
		ID: NewID("trd"), UserID: v.UserID, KeyID: k.CodeKey(), Generation: 1, Networks: []string{k.Network(v.UserID, v.Context.IP)},
		UserAgent: v.Context.UserAgent, Location: v.Context.Location,
		ApprovedAt: v.EndedAt, ExpiresAt: v.EndedAt.Add(TrustLife), RotatedAt: now,
	}
	added.emit(EventTrustedAdded, now, "")
	replaced := v.TrustedID
	v.trust = func(live []*TrustedDevice, now time.Time) *TrustedDevice {
		kept := live[:0:0]
		for _, d := range live {
			if d.ID == replaced {
				added.join(d.Networks)
				d.Revoke(TrustReplaced, now)
			} else {
				kept = append(kept, d)
			}
		}
		for ; len(kept) >= MaxTrusted; kept = kept[1:] {
			kept[0].Revoke(TrustCrowded, now)
		}
		return added
	}
	return added
}

// join puts networks before the device's own.
func (d *TrustedDevice) join(earlier []string) {
	own := d.Networks
	d.Networks = slices.DeleteFunc(slices.Clone(earlier), func(n string) bool { return slices.Contains(own, n) })
	d.Networks = append(d.Networks, own...)
	d.Networks = d.Networks[max(0, len(d.Networks)-maxNetworks):]
}

// RevokeTrust is the rule that ends all trusted devices of a user.
func RevokeTrust(why Reason) TrustRule {
	return func(live []*TrustedDevice, now time.Time) *TrustedDevice {
		for _, d := range live {
			d.Revoke(why, now)
		}
		return nil
	}
}

// Network returns the keyed hash of where an address is for one user: its /16, or
// /48 for IPv6, so that a new address of the same provider or household counts as
// known. An IPv4-mapped address is the IPv4 one. No address is a place of its own.
func (k *Keys) Network(userID, ip string) string {
	network := ""
	if addr, err := netip.ParseAddr(ip); err == nil {
		bits := 48
		if addr = addr.Unmap(); addr.Is4() {
			bits = 16
		}
		if prefix, err := addr.Prefix(bits); err == nil {
			network = prefix.String()
		}
	}
	return k.hash("network", userID+"\x00"+network)
}

// A token is the device's UUID, the generation and a MAC over both.
const (
	trustedPrefix = "nod_td_"
	trustedIDSize = 16
	trustedSize   = trustedIDSize + 4 + sha256.Size
)

// TrustedToken derives the token of one generation of a trusted device.
func (k *Keys) TrustedToken(d *TrustedDevice, generation int) string {
	return k.trustedToken(d.KeyID, d.ID, uint32(generation)) //nolint:gosec // counts uses in 30 days
}

func (k *Keys) trustedToken(keyID, id string, generation uint32) string {
	raw, err := hex.DecodeString(strings.TrimPrefix(id, "trd_"))
	if err != nil || len(raw) != trustedIDSize {
		panic("verify: " + id + " is no id of a trusted device")
	}
	raw = binary.BigEndian.AppendUint32(raw, generation)
	raw = append(raw, k.derive(keyID, "trusted_device", id, string(raw[trustedIDSize:]))...)
	return trustedPrefix + base64.RawURLEncoding.EncodeToString(raw)
}

// TrustClaim reads a token that came for a user whose person is at ip. What is
// malformed or was not made here claims nothing; whose it is, [Start] asks.
// The comparison takes the same time whatever differs.
func (k *Keys) TrustClaim(token, userID, ip string) TrustClaim {
	body, ok := strings.CutPrefix(token, trustedPrefix)
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if !ok || err != nil || len(raw) != trustedSize {
		return TrustClaim{}
	}
	id, generation := "trd_"+hex.EncodeToString(raw[:trustedIDSize]), binary.BigEndian.Uint32(raw[trustedIDSize:])
	for _, key := range k.codes {
		if equal(token, k.trustedToken(key, id, generation)) {
			return TrustClaim{DeviceID: id, Generation: int(generation), Network: k.Network(userID, ip)}
		}
	}
	return TrustClaim{}
}
