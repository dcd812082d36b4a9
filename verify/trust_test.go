package verify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nod/verify"
)

const home = "203.0.113.9"

// browsers is a user's trusted devices, kept as a store would, and the logins that
// their tokens come with.
type browsers struct {
	*world
	rows       []*verify.TrustedDevice
	reportedAt time.Time
	hold       verify.Hold
	told       []verify.Event
}

func newBrowsers(t *testing.T) *browsers { return &browsers{world: newWorld(t)} }

func (b *browsers) keys() *verify.Keys { return b.auth.Keys() }

// run does what a store does with a rule of trust.
func (b *browsers) run(rule verify.TrustRule) {
	if rule == nil {
		return
	}
	var live []*verify.TrustedDevice
	for _, d := range b.rows {
		if d.Live(b.now) {
			live = append(live, d)
		}
	}
	if added := rule(live, b.now); added != nil {
		b.rows = append(b.rows, added)
	}
	for _, d := range b.rows {
		b.told = append(b.told, d.TakeEvents()...)
	}
}

// create starts a login with a token; alter may change what is asked.
func (b *browsers) create(token string, alter func(*verify.Request)) *verify.Verification {
	b.t.Helper()
	q := login(number)
	q.Channel, q.UserID, q.Context.IP = verify.Auto, "u1", home
	if alter != nil {
		alter(&q)
	}
	q.ID, q.KeyID, q.SignKeyID = verify.NewID("ver"), b.keys().CodeKey(), b.keys().SignKey()
	q.Trusted = b.keys().TrustClaim(token, q.UserID, q.Context.IP)
	s := verify.Situation{ReportedAt: b.reportedAt, Hold: b.hold}
	for _, d := range b.rows {
		if d.ID == q.Trusted.DeviceID {
			s.Trusted = d
		}
	}
	v, err := verify.Start(q, &s, &b.policy, b.now)
	if err != nil && !b.hold.Blocked() {
		b.t.Fatal(err)
	}
	b.v = v
	for _, d := range b.rows {
		b.told = append(b.told, d.TakeEvents()...)
	}
	return v
}

// remember lets the person prove a login and be remembered.
func (b *browsers) remember(token string, alter func(*verify.Request)) *verify.TrustedDevice {
	b.t.Helper()
	v := b.create(token, alter)
	if _, err := v.Check(b.keys(), b.code(), &b.policy, b.now); err != nil || v.Status != verify.Approved {
		b.t.Fatalf("%s: %v", v.Status, err)
	}
	d := v.Remember(b.keys(), b.now)
	b.run(v.TakeTrust())
	return d
}

func (b *browsers) token(d *verify.TrustedDevice, generation int) string {
	return b.keys().TrustedToken(d, generation)
}

func (b *browsers) names() (names []string) {
	for _, e := range b.told {
		names = append(names, strings.TrimPrefix(e.Name, "trusted_device."))
	}
	return names
}

func TestTrustedDeviceSkips(t *testing.T) {
	b := newBrowsers(t)
	d := b.remember("", nil)
	if d.ApprovedAt != b.v.EndedAt || d.ExpiresAt != b.v.EndedAt.Add(30*24*time.Hour) || d.Generation != 1 {
		t.Errorf("remembered as %+v", d)
	}
	b.now = b.now.Add(time.Hour)
	v := b.create(b.token(d, 1), func(q *verify.Request) {
		q.Number, q.Email = verify.Number{}, verify.StoredMailbox(address) // there need not be another way
	})
	if v.Status != verify.Approved || v.Method != verify.ByTrustedDevice || v.TrustedID != d.ID || !v.NextAt.IsZero() || !v.Email.IsZero() {
		t.Errorf("skipped as %+v", v)
	}
	var events []string
	for _, e := range v.TakeEvents() {
		events = append(events, e.Name)
	}
	if want := []string{"verification.created", "verification.skipped_trusted", "verification.approved"}; !slices.Equal(events, want) {
		t.Errorf("told %v, want %v", events, want)
	}
	if want := []string{"added", "used"}; !slices.Equal(b.names(), want) {
		t.Errorf("told %v, want %v", b.names(), want)
	}
	for _, e := range b.told {
		if e.UserID != "u1" || e.Data.TrustedID != d.ID || e.VerificationID != "" || e.Seq != 0 {
			t.Errorf("told %+v", e)
		}
	}
	if d.Generation != 2 || d.UsedAt != b.now || d.RotatedAt != b.now || d.ApprovedAt == b.now {
		t.Errorf("used, it is %+v", d)
	}
	if v.Remember(b.keys(), b.now) != nil || v.TakeTrust() != nil {
		t.Error("what a trusted device approved was remembered: it would never end")
	}
}

func TestSkipSupersedes(t *testing.T) {
	b := newBrowsers(t)
	d := b.remember("", nil)
	open := b.create("", nil)
	q := login(number)
	q.ID, q.UserID, q.KeyID = verify.NewID("ver"), "u1", b.keys().CodeKey()
	q.Trusted = b.keys().TrustClaim(b.token(d, 1), "u1", "")
	q.Trusted.Network = d.Networks[0]
	v, err := verify.Start(q, &verify.Situation{Open: open, Trusted: d}, &b.policy, b.now)
	if err != nil || v.Status != verify.Approved || open.Status != verify.Superseded {
		t.Errorf("%v: the new one is %s, the open one %s", err, v.Status, open.Status)
	}
}

// Everything that speaks against a skip, each alone; after it the login goes its way.
func TestDoubts(t *testing.T) {
	for name, c := range map[string]struct {
		alter  func(*browsers, *verify.TrustedDevice, *verify.Request)
		after  time.Duration // since the approval
		want   verify.Status
		linked bool // remembering takes the device's place
	}{
		"nothing":          {nil, time.Hour, verify.Approved, true},
		"the last moment":  {nil, 30*24*time.Hour - time.Millisecond, verify.Approved, true},
		"its end":          {nil, 30 * 24 * time.Hour, verify.Pending, false},
		"another user":     {func(_ *browsers, _ *verify.TrustedDevice, q *verify.Request) { q.UserID = "u2" }, time.Hour, verify.Pending, false},
		"a number's proof": {func(_ *browsers, _ *verify.TrustedDevice, q *verify.Request) { q.Purpose = verify.Phone }, time.Hour, verify.Pending, false},
		"revoked": {func(b *browsers, d *verify.TrustedDevice, _ *verify.Request) {
			d.Revoke(verify.TrustRevoked, b.now)
		}, time.Hour, verify.Pending, false},
		"something to read": {func(_ *browsers, _ *verify.TrustedDevice, q *verify.Request) { q.BindingMessage = "Pay 5" }, time.Hour, verify.Pending, true},
		"a strict match":    {func(_ *browsers, _ *verify.TrustedDevice, q *verify.Request) { q.Match = verify.Strict }, time.Hour, verify.Pending, true},
		"user verification": {func(_ *browsers, _ *verify.TrustedDevice, q *verify.Request) { q.UserVerification = true }, time.Hour, verify.Pending, true},
		"another network":   {func(_ *browsers, _ *verify.TrustedDevice, q *verify.Request) { q.Context.IP = "203.1.113.9" }, time.Hour, verify.Pending, true},
		"no address":        {func(_ *browsers, _ *verify.TrustedDevice, q *verify.Request) { q.Context.IP = "" }, time.Hour, verify.Pending, true},
		"a report": {func(b *browsers, _ *verify.TrustedDevice, _ *verify.Request) {
			b.reportedAt = b.now.Add(-30*24*time.Hour + time.Millisecond)
		}, time.Hour, verify.Pending, true},
		"a report long ago": {func(b *browsers, _ *verify.TrustedDevice, _ *verify.Request) {
			b.reportedAt = b.now.Add(-30 * 24 * time.Hour)
		}, time.Hour, verify.Approved, true},
		"a report, and the user was unlocked": {func(b *browsers, _ *verify.TrustedDevice, _ *verify.Request) {
			b.reportedAt, b.hold.LiftedAt = b.now.Add(-time.Minute), b.now
		}, time.Hour, verify.Pending, true},
		"a block":                 {func(b *browsers, _ *verify.TrustedDevice, _ *verify.Request) { b.hold.BlockedAt = b.now }, time.Hour, verify.Blocked, true},
		"a block that was lifted": {func(b *browsers, _ *verify.TrustedDevice, _ *verify.Request) { b.hold.LiftedAt = b.now }, time.Hour, verify.Approved, true},
		"a restored database":     {func(_ *browsers, d *verify.TrustedDevice, _ *verify.Request) { d.Generation = 0 }, time.Hour, verify.Pending, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBrowsers(t)
			d := b.remember("", nil)
			token := b.token(d, 1)
			b.now = b.now.Add(c.after)
			v := b.create(token, func(q *verify.Request) {
				if c.alter != nil {
					c.alter(b, d, q)
				}
			})
			if v.Status != c.want || (v.TrustedID != "") != c.linked {
				t.Errorf("it is %s, of the device %q", v.Status, v.TrustedID)
			}
			if used := slices.Contains(b.names(), "used"); used != (c.want == verify.Approved) || slices.Contains(b.names(), "reuse_detected") {
				t.Errorf("told %v", b.names())
			}
			if c.want != verify.Approved && d.UsedAt != (time.Time{}) {
				t.Error("a token that did not do was spent")
			}
		})
	}
}

// A used-up token raises the alarm wherever it comes from, whatever else is asked.
func TestReuse(t *testing.T) {
	for name, c := range map[string]struct {
		alter func(*verify.Request)
		after time.Duration
		alarm bool
	}{
		"at once":                       {nil, 0, false},
		"within the overlap":            {nil, time.Minute - time.Millisecond, false},
		"after it":                      {nil, time.Minute, true},
		"after it, from elsewhere":      {func(q *verify.Request) { q.Context.IP = "198.51.100.1" }, time.Minute, true},
		"after it, for a checked login": {func(q *verify.Request) { q.UserVerification = true }, time.Minute, true},
		"after it, as somebody else":    {func(q *verify.Request) { q.UserID = "u2" }, time.Minute, false},
		"after the end":                 {nil, 31 * 24 * time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBrowsers(t)
			d := b.remember("", nil)
			first := b.token(d, 1)
			b.create(first, nil)
			b.now = b.now.Add(c.after)
			v := b.create(first, c.alter)
			if alarm := slices.Contains(b.names(), "reuse_detected"); alarm != c.alarm || d.RevokedAt.IsZero() == alarm {
				t.Errorf("told %v; revoked %q", b.names(), d.RevokedReason)
			}
			if c.alarm && (v.Status != verify.Pending || v.TrustedID != "" || d.RevokedReason != verify.TrustReused || !slices.Equal(b.names()[2:], []string{"reuse_detected", "revoked"})) {
				t.Errorf("the login is %s; told %v", v.Status, b.names())
			}
			if !c.alarm && d.Generation != 2 {
				t.Errorf("a second use made generation %d", d.Generation)
			}
		})
	}
	t.Run("again and again", func(t *testing.T) { // no use makes the overlap longer
		b := newBrowsers(t)
		d := b.remember("", nil)
		first := b.token(d, 1)
		for range 4 {
			if v := b.create(first, nil); v.Status != verify.Approved {
				t.Fatal(v.Status)
			}
			b.now = b.now.Add(15 * time.Second)
		}
		if v := b.create(first, nil); v.Status != verify.Pending || d.RevokedReason != verify.TrustReused {
			t.Errorf("it is %s; revoked %q", v.Status, d.RevokedReason)
		}
	})
	t.Run("two behind", func(t *testing.T) { // at once too: the newest was used
		b := newBrowsers(t)
		d := b.remember("", nil)
		b.create(b.token(d, 1), nil)
		b.create(b.token(d, 2), nil)
		if v := b.create(b.token(d, 1), nil); v.Status != verify.Pending || d.RevokedReason != verify.TrustReused {
			t.Errorf("it is %s; revoked %q", v.Status, d.RevokedReason)
		}
		if v := b.create(b.token(d, 3), nil); v.Status != verify.Pending {
			t.Error("the owner's token outlived the alarm")
		}
	})
}

func TestRemember(t *testing.T) {
	elsewhere := func(q *verify.Request) { q.Context.IP = "198.51.100.1" }
	b := newBrowsers(t)
	old := b.remember("", nil)
	anew := b.remember(b.token(old, 1), elsewhere)
	if old.RevokedReason != verify.TrustReplaced || len(anew.Networks) != 2 || anew.Networks[0] != old.Networks[0] {
		t.Errorf("the same browser was remembered beside itself: %q, %d networks", old.RevokedReason, len(anew.Networks))
	}
	for n, alter := range []func(*verify.Request){nil, elsewhere, nil} { // both places are known now
		if v := b.create(b.token(anew, n+1), alter); v.Status != verify.Approved {
			t.Errorf("use %d: %s", n, v.Status)
		}
	}
	if v := b.create(b.token(old, 1), nil); v.Status != verify.Pending || anew.RevokedReason != "" {
		t.Errorf("the replaced device's token: %s, and the new one is revoked as %q", v.Status, anew.RevokedReason)
	}
	for n := range 15 {
		anew = b.remember(b.token(anew, anew.Generation), func(q *verify.Request) { q.Context.IP = fmt.Sprintf("10.%d.0.1", n) })
	}
	if len(anew.Networks) != 10 || anew.Networks[9] != b.keys().Network("u1", "10.14.0.1") {
		t.Errorf("%d networks are known", len(anew.Networks))
	}
	v := b.create("", nil)
	if v.Remember(b.keys(), b.now) != nil || v.TakeTrust() != nil {
		t.Error("a pending login was remembered")
	}
}

// The oldest goes, and only when there is one too many.
func TestTrustedDevicesPerUser(t *testing.T) {
	b := newBrowsers(t)
	for n := range 22 {
		b.remember("", nil)
		b.now = b.now.Add(time.Hour)
		for i, d := range b.rows {
			if gone := d.RevokedReason == verify.TrustCrowded; gone != (i <= n-20) {
				t.Fatalf("of %d, the %d. is revoked as %q", n+1, i+1, d.RevokedReason)
			}
		}
	}
}

func TestReportEndsTrust(t *testing.T) {
	b := newBrowsers(t)
	one, two := b.remember("", nil), b.remember("", nil)
	w := b.world
	if err := w.begin(login(""), verify.Situation{Devices: []verify.Device{w.device("dev_1", false, start)}}); err != nil {
		t.Fatal(err)
	}
	w.pump()
	if _, err := w.reply("dev_1", verify.Deny, ""); err != nil || w.v.TakeTrust() != nil {
		t.Errorf("a mere no ended trust: %v", err)
	}
	if err := w.begin(login(""), verify.Situation{Devices: []verify.Device{w.device("dev_1", false, start)}}); err != nil {
		t.Fatal(err)
	}
	w.pump()
	if verdict, err := w.reply("dev_1", verify.Report, ""); err != nil || !verdict.Accepted {
		t.Fatal(verdict, err)
	}
	b.run(w.v.TakeTrust())
	if one.RevokedReason != verify.UserReported || two.RevokedReason != verify.UserReported || w.v.TakeTrust() != nil {
		t.Errorf("after a report: %q and %q", one.RevokedReason, two.RevokedReason)
	}
}

// Which addresses are one place.
func TestNetwork(t *testing.T) {
	k := newWorld(t).auth.Keys()
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"203.0.113.9", "203.0.255.255", true},
		{"203.0.0.0", "203.1.0.0", false},
		{"203.0.113.9", "::ffff:203.0.1.1", true},
		{"203.0.113.9", "::ffff:cb00:0101", true},
		{"203.0.113.9", "::203.0.113.9", false}, // not mapped: an address of IPv6
		{"::ffff:203.0.1.1", "::ffff:198.51.100.1", false},
		{"2001:db8:1::1", "2001:db8:1:ffff:ffff:ffff:ffff:ffff", true},
		{"2001:db8:1::1", "2001:db8:2::1", false},
		{"2001:db8:2::1", "2001:db8:3::1", false},
		{"fe80::1%eth0", "fe80::2", true},
		{"", "", true},
		{"", "0.0.0.0", false},
		{"", "::", false},
	} {
		if same := k.Network("u1", c.a) == k.Network("u1", c.b); same != c.same {
			t.Errorf("%q and %q are one network: %v, want %v", c.a, c.b, same, c.same)
		}
	}
	if k.Network("u1", home) == k.Network("u2", home) {
		t.Error("the rows tell that two users live together")
	}
}

// What is no token of ours claims nothing, whatever was changed about it.
func TestTrustClaim(t *testing.T) {
	b := newBrowsers(t)
	d := b.remember("", nil)
	good := b.token(d, 7)
	if c := b.keys().TrustClaim(good, "u1", home); c.DeviceID != d.ID || c.Generation != 7 || c.Network != d.Networks[0] {
		t.Errorf("a good token claims %+v", c)
	}
	foreign := newWorld(t).auth.Keys()
	theirs := *d
	theirs.KeyID = foreign.CodeKey()
	bad := []string{"", "nod_td_", "nod_td_!", good[7:], "nod_cs_" + good[7:], good + "A", good[:len(good)-1], foreign.TrustedToken(&theirs, 7), strings.ToUpper(good), good + "\n"}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := len("nod_td_"); i < len(good); i++ {
		n := strings.IndexByte(alphabet, good[i])
		bad = append(bad, good[:i]+string(alphabet[n^1])+good[i+1:])
	}
	for _, token := range bad {
		if c := b.keys().TrustClaim(token, "u1", home); c != (verify.TrustClaim{}) {
			t.Errorf("%q claims %+v", token, c)
		}
	}
}

// bearer is somebody with a copy of the tokens: the owner, whose every answer
// arrives in the end, or a thief.
type bearer struct{ token string }

// TestRotation lets an owner and a thief use one family, each as they like, and
// holds it against what the rotation is for.
func TestRotation(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b := newBrowsers(t)
		d := b.remember("", nil)
		owner, thief := bearer{b.token(d, 1)}, bearer{}
		stolen := false
		for range rapid.IntRange(1, 30).Draw(r, "acts") {
			switch rapid.SampledFrom([]string{"wait", "wait", "use", "use", "lose", "tabs", "steal", "thief", "any"}).Draw(r, "act") {
			case "wait":
				b.now = b.now.Add(time.Duration(rapid.IntRange(1, 90_000).Draw(r, "ms")) * time.Millisecond)
			case "use":
				b.spend(r, &owner)
			case "lose": // the answer is lost, and comes again under the Idempotency-Key, however late
				lost := owner
				b.spend(r, &lost)
				b.now = b.now.Add(time.Duration(rapid.IntRange(0, 600_000).Draw(r, "later")) * time.Millisecond)
				owner = lost
			case "tabs": // several at once, with one token
				one, two := owner, owner
				b.spend(r, &one)
				b.spend(r, &two)
				if d.RevokedAt.IsZero() && one != two {
					r.Fatal("two tabs have two newest tokens")
				}
				owner = two
			case "steal":
				stolen, thief = true, owner
			case "thief":
				if thief.token != "" {
					b.spend(r, &thief)
				}
			case "any": // whoever finds an old token
				if g := rapid.IntRange(1, d.Generation).Draw(r, "generation"); rapid.Bool().Draw(r, "dare") {
					stolen = true
					b.spend(r, &bearer{b.token(d, g)})
				}
			}
			if !stolen && !d.RevokedAt.IsZero() {
				r.Fatal("the owner alone raised the alarm")
			}
			b.oneNewest(r, d)
		}
		if thief.token == "" || !d.RevokedAt.IsZero() {
			return
		}
		// However it went so far: once each has used theirs and the overlap is over, the
		// second one raises the alarm.
		for _, h := range rapid.Permutation([]*bearer{&owner, &thief}).Draw(r, "order") {
			b.now = b.now.Add(verify.TrustOverlap)
			b.spend(r, h)
		}
		b.now = b.now.Add(verify.TrustOverlap)
		b.spend(r, &owner)
		b.spend(r, &thief)
		if d.RevokedReason != verify.TrustReused {
			r.Fatal("the owner and a thief used one family, and nobody noticed")
		}
	})
}

// spend uses what a bearer has, and keeps what it is given.
func (b *browsers) spend(r *rapid.T, h *bearer) {
	before := *b.rows[0]
	claim := b.keys().TrustClaim(h.token, "u1", home)
	v := b.create(h.token, nil)
	d := b.rows[0]
	switch {
	case !before.RevokedAt.IsZero():
		if v.Status == verify.Approved {
			r.Fatal("a revoked family was trusted")
		}
	case claim.Generation == before.Generation, claim.Generation == before.Generation-1 && b.now.Before(before.RotatedAt.Add(time.Minute)):
		if v.Status != verify.Approved || d.Generation != claim.Generation+1 {
			r.Fatalf("generation %d of %d: %s, now %d", claim.Generation, before.Generation, v.Status, d.Generation)
		}
		h.token = b.token(d, d.Generation)
	default:
		if v.Status == verify.Approved || d.RevokedReason != verify.TrustReused {
			r.Fatalf("generation %d of %d: %s, revoked as %q", claim.Generation, before.Generation, v.Status, d.RevokedReason)
		}
	}
}

// oneNewest looks at every token that ever was: at most two do, and use of either
// gives the same.
func (b *browsers) oneNewest(r *rapid.T, d *verify.TrustedDevice) {
	good := map[int]int{}
	for g := range d.Generation + 3 {
		copied := *d
		claim := verify.TrustClaim{DeviceID: d.ID, Generation: g, Network: d.Networks[0]}
		q := verify.Request{ID: verify.NewID("ver"), UserID: "u1", Purpose: verify.Login, KeyID: b.keys().CodeKey(), Number: verify.StoredNumber(number), Trusted: claim}
		v, err := verify.Start(q, &verify.Situation{Trusted: &copied}, &b.policy, b.now)
		if err != nil {
			r.Fatal(err)
		}
		if v.Status == verify.Approved {
			good[g] = copied.Generation
		}
	}
	for g, next := range good {
		if g != d.Generation && (g != d.Generation-1 || next != d.Generation) {
			r.Fatalf("of %d generations, %d is good and gives %d", d.Generation, g, next)
		}
	}
}
