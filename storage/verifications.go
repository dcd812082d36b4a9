package storage

import (
	"context"
	"errors"
	"slices"
	"time"

	"nod/verify"
)

// CreateVerification runs rule in one transaction with the situation of the
// applicant, which no other create of the same user or number can change
// meanwhile. What the rule returns is written with its events, and so are
// Situation.Open, Situation.Left and Situation.Trusted where it changed them, and
// what it counted in Situation.Meters; returning Situation.Open itself writes only
// those. An error of the rule is returned as it is and nothing is kept. The rule runs
// again when it wanted more meters than were read. With a once that was used before,
// it does not run: a [*verify.Replay] or [verify.ErrIdempotencyConflict] is returned.
func (s *Store) CreateVerification(ctx context.Context, who verify.Applicant, once *verify.Once, rule func(*verify.Situation, time.Time) (*verify.Verification, error)) error {
	w := wants{need: verify.NeedUser}
	switch {
	case who.Codes && who.Spends:
		w.need = verify.NeedSpend
	case who.Codes:
		w.need = verify.NeedAll
	}
	for {
		err := s.write(ctx, func(ctx context.Context, t *tx) error {
			if err := t.reserve(ctx, once); err != nil {
				return err
			}
			met, v, err := t.admit(ctx, who, &w, rule)
			if err != nil {
				return err
			}
			for _, a := range met.rows { // first, for they make room in the unique indexes
				if err := t.save(a); err != nil {
					return err
				}
			}
			if met.Open == nil || v != met.Open {
				if err := t.create(v); err != nil {
					return err
				}
			}
			if err := t.saveTrusted(met.trusted...); err != nil {
				return err
			}
			return t.record(once)
		})
		if !errors.Is(err, errAnew) {
			return err
		}
	}
}

// wants is how much of the meters a create reads at once.
type wants struct {
	need verify.Need
	met  bool // also of the verifications that it meets, and not only their user's
}

// errAnew says that a create has to begin again: it wants locks that come before some
// that it holds.
var errAnew = errors.New("the create wants more than it can lock in order")

// admit runs the rule of a create until what it wants was read.
func (t *tx) admit(ctx context.Context, who verify.Applicant, w *wants, rule func(*verify.Situation, time.Time) (*verify.Verification, error)) (*met, *verify.Verification, error) {
	of := &subject{userID: who.UserID, number: who.Number, address: who.IP}
	for {
		met, now, err := t.situation(ctx, who, of, *w)
		if err != nil {
			return nil, nil, err
		}
		v, err := rule(&met.Situation, now)
		lacks, anew := met.Meters.Lacks(), false
		for _, a := range met.rows {
			if n := a.Meters.Lacks(); n != verify.NeedNone {
				lacks, anew, w.met = max(lacks, n), true, true
			}
			a.Meters = nil
		}
		if lacks == verify.NeedNone {
			if err != nil {
				return nil, nil, err
			}
			v.Meters = nil
			return met, v, t.meters.settle(true)
		}
		w.need = max(w.need, lacks)
		if anew || len(met.trusted) > 0 {
			return nil, nil, errAnew
		}
		if err := t.meters.settle(false); err != nil {
			return nil, nil, err
		}
	}
}

// met is a situation with the rows, locked, that a rule may change.
type met struct {
	verify.Situation
	rows    []*aggregate
	trusted []*watched // one, or none
}

// situation takes the locks and reads what a create must know: in one round trip,
// and in a second what belongs to the verifications that it meets, if it meets any.
// The conditions for the open one are word for word those of the unique indexes on
// open verifications, so that the same indexes answer them.
func (t *tx) situation(ctx context.Context, who verify.Applicant, of *subject, w wants) (*met, time.Time, error) {
	hash, leaving := t.hash(who.Number), t.hash(who.Leaving)
	condition, args := "where user_id = $1 and purpose = 'login' and status = 'pending'", []any{who.UserID}
	if who.Purpose != verify.Login {
		condition, args = "where user_id = $1 and number_hash = $2 and purpose = 'phone' and status = 'pending'", []any{who.UserID, hash}
	}
	var (
		open, left found
		earlier    []*verificationRow
		chosen     []*verify.Settings
		held       []*verify.Hold
		reported   int64 // when the user last said "this isn't me"
	)
	all := append(t.locks(append([]string{"user " + who.UserID}, phones(hash, leaving)...)...), verifications.reading(&open.rows, condition+t.forUpdate, args...))
	all = append(all, open.live("= $1", who.UserID), readingSettings(&chosen, who.UserID), readingHold(&held, who.UserID))
	if hash != "" {
		all = append(all, verifications.reading(&earlier, "where user_id = $1 and number_hash = $2 and code_accepted_at is not null order by code_accepted_at desc limit 1", who.UserID, hash))
	}
	if leaving != "" { // the first row is of the number that was to be proved, if it ever was
		all = append(all,
			verifications.reading(&left.rows, current+t.forUpdate, who.UserID, leaving, string(verify.Phone)),
			verifications.reading(&left.rows, "where user_id = $1 and purpose = 'login' and status = 'pending' and number_hash = $2"+t.forUpdate, who.UserID, leaving))
	}
	if who.Purpose == verify.Login {
		all = append(all, number(&reported, "select max(ended_at) from verifications where user_id = $1 and reason = 'user_reported'", who.UserID))
	}
	m := &met{}
	now, err := t.meet(ctx, who, of, w, m, all, &open, &left)
	if err != nil {
		return nil, now, err
	}
	m.Settings, m.Hold = settingsOf(who.UserID, chosen), holdOf(who.UserID, held)
	if reported != 0 {
		m.ReportedAt = time.UnixMilli(reported).UTC()
	}
	if len(earlier) > 0 {
		m.Earlier = earlier[0].Verification
		if err := t.unseal(earlier[0]); err != nil {
			return nil, now, err
		}
	}
	m.Devices, err = t.devices(open.devices)
	return m, now, err
}

// meet reads what a create must know, with the meters behind it and what belongs to the
// first verification of each, which is the one that counts. Where the meters of these
// are wanted too, all meters wait until it is known which they are.
func (t *tx) meet(ctx context.Context, who verify.Applicant, of *subject, w wants, m *met, all []statement, open, left *found) (now time.Time, err error) {
	subjects := []*subject{of}
	if w.met {
		if err := t.run(ctx, all...); err != nil {
			return now, err
		}
		all = nil
		for _, f := range []*found{open, left} {
			for _, r := range f.rows[:min(1, len(f.rows))] {
				if err := t.unseal(r); err != nil {
					return now, err
				}
				subjects = append(subjects, subjectOf(r.Verification))
			}
		}
	}
	taken, metered, err := t.readingMeters(w.need, subjects...)
	if err != nil {
		return now, err
	}
	all = append(all, metered...)
	var trusts []*trustedRow
	if who.TrustedID != "" { // behind the meters, as whoever updates a verification has it
		all = append(all, trusted.reading(&trusts, "where id = $1"+t.forUpdate, who.TrustedID))
	}
	if now, err = t.look(ctx, all...); err != nil {
		return now, err
	}
	if err := t.take(w.need, taken, now); err != nil {
		return now, err
	}
	if m.trusted, err = t.trusted(trusts); err != nil {
		return now, err
	}
	for _, d := range m.trusted {
		m.Trusted = d.TrustedDevice
	}
	var owned []statement
	left.devices = open.devices
	for _, f := range []*found{open, left} {
		if len(f.rows) > 0 { // there seldom is one
			f.rows = f.rows[:1]
			owned = append(owned, f.owned("= $1", f.rows[0].ID)...)
		}
	}
	if len(owned) > 0 {
		if err := t.run(ctx, owned...); err != nil {
			return now, err
		}
	}
	m.Meters = t.metersOf(of, w.need)
	if m.Open, err = m.watch(t, t.open(open), w); err != nil {
		return now, err
	}
	m.Left, err = m.watch(t, t.open(left), w)
	return now, err
}

// phones names the locks of numbers, by their hashes, in the one order in which
// everybody takes them: two who swap numbers do not wait for each other.
func phones(hashes ...string) []string {
	slices.Sort(hashes)
	var names []string
	for _, h := range slices.Compact(hashes) {
		if h != "" {
			names = append(names, "phone "+h)
		}
	}
	return names
}

// watch keeps the verification that is met, if one is, to write it back.
func (m *met) watch(t *tx, all []opened, w wants) (*verify.Verification, error) {
	if len(all) == 0 {
		return nil, nil
	}
	a, err := watch(all[0])
	if err != nil {
		return nil, err
	}
	have := verify.NeedUser
	if w.met {
		have = w.need
	}
	a.Meters = t.metersOf(subjectOf(a.Verification), have)
	m.rows = append(m.rows, a)
	return a.Verification, nil
}

// hash is the keyed hash of a number; empty for none.
func (t *tx) hash(n verify.Number) string {
	if n.IsZero() {
		return ""
	}
	return t.keys.HashNumber(n)
}

// UpdateVerification runs rule on the verification inside the transaction that
// writes what it changed, one after the other for one id. It returns
// [verify.ErrNotFound], or the rule's error as it is with nothing kept; once is
// as in [Store.CreateVerification], and the rule runs again likewise. What the rule
// meant for the user's trusted devices ([verify.Verification.TakeTrust]) is done with it.
func (s *Store) UpdateVerification(ctx context.Context, id string, once *verify.Once, rule func(*verify.Verification, time.Time) error) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		if err := t.reserve(ctx, once); err != nil {
			return err
		}
		var (
			f    found
			held []*verify.Hold
		)
		const its = "= (select user_id from verifications where id = $1)"
		now, err := t.look(ctx, append(f.whole(t, id), f.live(its, id), holds.reading(&held, "where user_id "+its, id))...)
		if err != nil {
			return err
		}
		if len(f.rows) == 0 {
			return verify.ErrNotFound
		}
		if len(held) > 0 {
			f.rows[0].Hold = *held[0]
		}
		if err := t.update(ctx, &f, verify.NeedNone, now, rule); err != nil {
			return err
		}
		return t.record(once)
	})
}

// UpdateVerificationOf is [Store.UpdateVerification] for a rule that will want the meter
// of the user and not what operators decided about them: so much is read in one round
// trip. Another user's verification is [verify.ErrNotFound].
func (s *Store) UpdateVerificationOf(ctx context.Context, userID, id string, rule func(*verify.Verification, time.Time) error) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		var f found
		taken, metered, err := t.readingMeters(verify.NeedUser, &subject{userID: userID})
		if err != nil {
			return err
		}
		now, err := t.look(ctx, slices.Concat(f.whole(t, id), []statement{f.live("= $1", userID)}, metered)...)
		if err != nil {
			return err
		}
		if len(f.rows) == 0 || f.rows[0].UserID != userID {
			return verify.ErrNotFound
		}
		if err := t.take(verify.NeedUser, taken, now); err != nil {
			return err
		}
		return t.update(ctx, &f, verify.NeedUser, now, rule)
	})
}

// whole locks and reads one verification with what belongs to it.
func (f *found) whole(t *tx, id string) []statement {
	return append([]statement{verifications.reading(&f.rows, "where id = $1"+t.forUpdate, id)}, f.owned("= $1", id)...)
}

// update runs a rule on the one verification that was found, and writes what it changed.
func (t *tx) update(ctx context.Context, f *found, have verify.Need, now time.Time, rule func(*verify.Verification, time.Time) error) error {
	a, err := t.decide(ctx, t.open(f)[0], have, now, rule)
	if err != nil {
		return err
	}
	if err := t.save(a); err != nil {
		return err
	}
	return t.trust(ctx, a.UserID, a.TakeTrust())
}

// Verification reads one verification and the store's time at that moment, or
// returns [verify.ErrNotFound].
func (s *Store) Verification(ctx context.Context, id string) (*verify.Verification, time.Time, error) {
	v, err := s.shared.verifications.ask(ctx, id)
	return v.it, v.now, err
}

func (s *Store) readVerifications(ctx context.Context, asked []*question[string, timed[*verify.Verification]]) error {
	return s.read(ctx, func(ctx context.Context, t *tx) error {
		list, err := listOf(about(asked))
		if err != nil {
			return err
		}
		var f found
		all := append(f.owned(t.inList, list), f.live("in (select user_id from verifications where id "+t.inList+")", list),
			verifications.reading(&f.rows, "where id "+t.inList, list))
		now, err := t.look(ctx, all...)
		if err != nil {
			return err
		}
		byID := make(map[string]opened, len(f.rows))
		for _, o := range t.open(&f) {
			byID[o.ID] = o
		}
		for _, q := range asked {
			o, there := byID[q.about]
			switch {
			case !there:
				q.err = verify.ErrNotFound
			case o.err != nil:
				q.err = o.err
			default: // those who ask for the same have one each
				q.answer = timed[*verify.Verification]{clone(o.Verification), now}
			}
		}
		return nil
	})
}

// current is the condition for the verification of a user, a number and a purpose
// that counts: the open one or, when none is, the one that was started last. A start
// that was refused may be newer than the open one.
const current = "where id = coalesce(" +
	"(select id from verifications where user_id = $1 and number_hash = $2 and purpose = $3 and status = 'pending'), " +
	"(select id from verifications where user_id = $1 and number_hash = $2 and purpose = $3 order by created_at desc, id desc limit 1))"

// NewestVerification reads the open verification of a user and number (a zero
// number: one without a number) for a purpose or, when none is open, the one that
// they started last, whatever became of it.
func (s *Store) NewestVerification(ctx context.Context, userID string, purpose verify.Purpose, n verify.Number) (v *verify.Verification, now time.Time, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		args := []any{userID, t.hash(n), string(purpose)}
		var f found
		all := append(f.owned("in (select id from verifications "+current+")", args...), f.live("= $1", userID),
			verifications.reading(&f.rows, current, args...))
		if now, err = t.look(ctx, all...); err != nil {
			return err
		}
		if len(f.rows) == 0 {
			return verify.ErrNotFound
		}
		o := t.open(&f)[0]
		v = o.Verification
		return o.err
	})
	return v, now, err
}

// OpenPrompts reads the verifications whose prompt the device may answer now.
func (s *Store) OpenPrompts(ctx context.Context, deviceID string) (open []*verify.Verification, now time.Time, err error) {
	p, err := s.shared.prompts.ask(ctx, deviceID)
	return p.it, p.now, err
}

func (s *Store) readPrompts(ctx context.Context, asked []*question[string, timed[[]*verify.Verification]]) error {
	return s.read(ctx, func(ctx context.Context, t *tx) error {
		list, err := listOf(about(asked))
		if err != nil {
			return err
		}
		users := "in (select user_id from devices where id " + t.inList + " and revoked_at is null)"
		condition := "where purpose = 'login' and status = 'pending' and user_id " + users
		var f found
		asking := "in (select user_id from verifications " + condition + ")" // or a crowd that nobody asks would have all devices of its users read
		all := append(f.owned("in (select id from verifications "+condition+")", list), f.live(asking, list),
			verifications.reading(&f.rows, condition, list))
		now, err := t.look(ctx, all...)
		if err != nil {
			return err
		}
		byDevice := map[string][]opened{}
		for _, o := range t.open(&f) {
			if !o.Prompt.Open(now) { // whether a prompt is open is a rule, so Go says it
				continue
			}
			for _, d := range o.Devices {
				byDevice[d.ID] = append(byDevice[d.ID], o)
			}
		}
		for _, q := range asked {
			q.answer.now = now
			for _, o := range byDevice[q.about] {
				if q.err = o.err; q.err != nil {
					break
				}
				q.answer.it = append(q.answer.it, clone(o.Verification))
			}
		}
		return nil
	})
}
