package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync/atomic"
	"time"

	"nod/deploy/throwaway"
	"nod/storage"
	"nod/verify"
)

// creator begins the names of those who sign in here.
const creator = "benchmark-"

// onPostgres compares the store with pgbench, which says the same statements to
// the same server without a rule, a key or a decision: what is left is what
// Postgres itself costs.
func (b *bench) onPostgres(ctx context.Context) error {
	postgres, err := startPostgres()
	if err != nil {
		return err
	}
	defer postgres.Close()
	s, statements, err := overhearCreate(ctx, postgres)
	if err != nil {
		return fmt.Errorf("listening to a create: %w", err)
	}
	store, err := storage.Open(ctx, storage.Config{URL: postgres.URL, Secret: []byte(benchSecret), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	for _, callers := range []int{16, 64} {
		before, err := s.run(ctx, postgres, callers, b.load*3/10)
		if err != nil {
			return err
		}
		created, err := createMany(ctx, store, callers, b.load*6/10)
		if err != nil {
			return err
		}
		after, err := s.run(ctx, postgres, callers, b.load*3/10)
		if err != nil {
			return err
		}
		row("store alone", fmt.Sprintf("%6.0f creates a second; pgbench %.0f: %.2f of it", created, (before+after)/2, 2*created/(before+after)),
			fmt.Sprintf("Postgres, fsync on, %d callers, %d statements each with begin and commit; pgbench says one at a time, prepared, half before and half after", callers, statements))
	}
	return nil
}

// overhearCreate makes the script of what one create says.
func overhearCreate(ctx context.Context, postgres *throwaway.Postgres) (s *script, statements int, err error) {
	store, err := storage.Open(ctx, storage.Config{URL: postgres.URL + "&log_statement=all", Secret: []byte(benchSecret), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	var heard [2][]statement
	for i := range heard {
		heard[i], err = overhear(postgres, "insert into verifications", func() error { return create(ctx, store) })
		if err != nil {
			return nil, 0, err
		}
		time.Sleep(5 * time.Millisecond) // so that no time of the one is a time of the other
	}
	s, err = newScript(heard[0], heard[1])
	return s, len(heard[0]), err
}

// created counts everybody who ever signed in here, and names them.
var created atomic.Int64

// numberOf is the number of somebody who was counted.
func numberOf(i int64) string { return fmt.Sprintf("+1415%07d", 2000000+i) }

// create starts the login of somebody new, whose code goes out by SMS, by the
// rule that the server uses.
func create(ctx context.Context, store *storage.Store) error {
	policy := verify.DefaultPolicy()
	policy.HasPush, policy.HasSMS = true, true
	policy.Limits = verify.Limits{} // its numbers are neighbors
	i := created.Add(1)
	number, err := verify.ParseNumber(numberOf(i))
	if err != nil {
		return err
	}
	q := verify.Request{
		ID: verify.NewID("ver"), KeyID: store.Keys().CodeKey(), SignKeyID: store.Keys().SignKey(),
		UserID: fmt.Sprintf("%s%013d", creator, i), Purpose: verify.Login, Number: number,
	}
	who := verify.Applicant{UserID: q.UserID, Purpose: q.Purpose, Number: q.Number, Codes: true}
	return store.CreateVerification(ctx, who, nil, func(s *verify.Situation, now time.Time) (*verify.Verification, error) {
		return verify.Start(q, s, &policy, now)
	})
}

func createMany(ctx context.Context, store *storage.Store, callers int, d time.Duration) (perSecond float64, err error) {
	var n atomic.Int64
	err = during(d, callers, func(int) error {
		n.Add(1)
		return create(ctx, store)
	})
	return float64(n.Load()) / d.Seconds(), err
}

var tps = regexp.MustCompile(`(?m)^tps = ([0-9.]+) `)

// run has pgbench run the script.
func (s *script) run(ctx context.Context, postgres *throwaway.Postgres, clients int, d time.Duration) (perSecond float64, err error) {
	bin, err := throwaway.PostgresBin()
	if err != nil {
		return 0, err
	}
	f, err := os.CreateTemp("", "nod-pgbench-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(s.text)
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	// Nobody's id comes twice: no run makes as many as a new second starts higher.
	n := 1_000_000_000 + time.Now().UnixMilli()%8_000_000_000
	args := []string{"-n", "-M", "prepared", "-c", strconv.Itoa(clients), "-j", "2", "-T", strconv.Itoa(max(int(d.Seconds()), 1)), "-f", f.Name(), "-D", fmt.Sprint("n=", n)}
	for _, v := range s.values {
		args = append(args, "-D", v)
	}
	out, err := exec.CommandContext(ctx, filepath.Join(bin, "pgbench"), append(args, postgres.URL)...).CombinedOutput() //nolint:gosec // Postgres's own program
	m := tps.FindSubmatch(out)
	if err != nil || m == nil {
		return 0, fmt.Errorf("pgbench: %w: %s", err, out)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}
