package storage_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"nod/deploy/throwaway"
	"nod/storage"
	"nod/verify"
)

// logged is a Postgres that writes down every statement.
type logged struct {
	*throwaway.Postgres
}

func newLogged(t testing.TB) logged {
	t.Helper()
	if logging != nil {
		return logged{logging}
	}
	server, err := throwaway.StartPostgres("log_statement=all")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(server.Close)
	return logged{server}
}

var statement = regexp.MustCompile(`LOG:  (?:execute [^:]*|statement): (.*)`)

// forget drops what was sent until now; to read all that other tests sent takes seconds.
func (s logged) forget(t testing.TB) {
	t.Helper()
	if err := os.Truncate(filepath.Join(s.Folder, "log"), 0); err != nil {
		t.Fatal(err)
	}
}

// statements reads what was sent since the last call or forget: how often each text.
func (s logged) statements(t testing.TB) map[string]int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.Folder, "log"))
	if err != nil {
		t.Fatal(err)
	}
	s.forget(t)
	sent := map[string]int{}
	for _, m := range statement.FindAllStringSubmatch(string(raw), -1) {
		sent[m[1]]++
	}
	return sent
}

// A crowd that comes back together costs at most one statement a head.
func TestReconnectsShareStatements(t *testing.T) {
	server := newLogged(t)
	s := newSchema(t, server.URL).open(t)
	phones, pages := crowd(t, s, 50)
	for _, heads := range []int{1, 64, 1000} {
		server.forget(t)
		for _, err := range gather(heads, func(i int) error { return comeBack(s, phones, pages, i) }) {
			if err != nil {
				t.Error(err)
			}
		}
		n := 0
		for _, times := range server.statements(t) {
			n += times
		}
		t.Logf("%d at once: %d statements, %.2f each", heads, n, float64(n)/float64(heads))
		if heads == 1000 && n > heads {
			t.Errorf("%d statements for %d that came back at once", n, heads)
		}
	}
}

// A look at what is due costs one statement while nothing is: every node looks
// four times a second.
func TestIdleClaimIsOneStatement(t *testing.T) {
	server := newLogged(t)
	s := newSchema(t, server.URL).open(t)
	v := mustAdmit(t, s, request(s, "u1"))
	update(t, s, v.ID, func(v *verify.Verification, now time.Time) { v.NextAt = now.Add(time.Minute) })
	server.forget(t)
	for range 10 {
		if claimed, next, err := s.ClaimDue(context.Background(), 10, lease); len(claimed) != 0 || next.IsZero() || err != nil {
			t.Fatalf("claimed %v, next %v (%v)", claimed, next, err)
		}
	}
	sent := server.statements(t)
	delete(sent, "-- ping") // the pool's own word to a connection that was idle for a second: only where this is slow
	if len(sent) != 1 {
		t.Errorf("sent %v", sent)
	}
	for text, times := range sent {
		if times != 10 {
			t.Errorf("%d times %s", times, text)
		}
	}
}

// BenchmarkReconnect lets phones and pages come back, in crowds.
func BenchmarkReconnect(b *testing.B) {
	each(b, func(b *testing.B, db database) {
		s := db.open(b)
		phones, pages := crowd(b, s, 50)
		for _, heads := range []int{1, 64, 1000} {
			b.Run(fmt.Sprint(heads), func(b *testing.B) {
				var turn atomic.Int64
				parallel(b, heads, func() error { return comeBack(s, phones, pages, int(turn.Add(1))) })
			})
		}
	})
}

// crowd makes users with a phone and a page that waits.
func crowd(t testing.TB, s *storage.Store, n int) (phones []*verify.Device, pages []*verify.Verification) {
	for i := range n {
		phones = append(phones, enroll(t, s, fmt.Sprint("u", i), "token"))
		pages = append(pages, mustAdmit(t, s, request(s, fmt.Sprint("u", i))))
	}
	return phones, pages
}

// comeBack does for one phone or page what a server does when it reconnects.
func comeBack(s *storage.Store, phones []*verify.Device, pages []*verify.Verification, i int) error {
	ctx := context.Background()
	if i%2 == 0 {
		id := phones[i/2%len(phones)].ID
		if _, _, err := s.Device(ctx, id); err != nil {
			return err
		}
		if err := s.TouchDevices(ctx, []string{id}); err != nil {
			return err
		}
		open, _, err := s.OpenPrompts(ctx, id)
		if err == nil && len(open) != 1 {
			err = fmt.Errorf("%d prompts are open", len(open))
		}
		return err
	}
	id := pages[i/2%len(pages)].ID
	if _, _, err := s.Verification(ctx, id); err != nil {
		return err
	}
	if _, err := s.EventsAfter(ctx, id, 0, 100); err != nil {
		return err
	}
	_, _, err := s.Verification(ctx, id)
	return err
}
