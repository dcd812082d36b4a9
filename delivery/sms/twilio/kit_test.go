package twilio_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nod/delivery"
	"nod/delivery/sms/twilio"
	"nod/deploy/providers"
	"nod/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	sender = "+14155550100"
	person = "+14155550123"
)

func hexText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// station is an account at a judging Twilio, and what it calls back.
type station struct {
	*twilio.Twilio
	config twilio.Config
	judge  *providers.Twilio

	mu       sync.Mutex
	receipts []verify.Receipt
	forged   int
	came     chan struct{} // closed and made anew with each callback
}

// open makes an account; change may alter its configuration.
func open(t testing.TB, change ...func(*twilio.Config)) *station {
	t.Helper()
	s := &station{came: make(chan struct{})}
	nod := httptest.NewServer(http.HandlerFunc(s.hear))
	t.Cleanup(nod.Close)
	s.judge = &providers.Twilio{AccountSID: "AC" + hexText(16), AuthToken: hexText(16), Number: sender, Service: "MG" + hexText(16)}
	api := httptest.NewServer(s.judge)
	t.Cleanup(api.Close)
	t.Cleanup(s.judge.Close)
	s.config = twilio.Config{AccountSID: s.judge.AccountSID, AuthToken: s.judge.AuthToken, From: sender, BaseURL: api.URL, PublicURL: nod.URL}
	for _, c := range change {
		c(&s.config)
	}
	var err error
	if s.Twilio, err = twilio.New(s.config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// hear is nod's end of the callbacks.
func (s *station) hear(w http.ResponseWriter, r *http.Request) {
	got, err := s.Receipts(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.forged++
		w.WriteHeader(http.StatusForbidden)
	} else {
		s.receipts = append(s.receipts, got...)
		w.WriteHeader(http.StatusNoContent)
	}
	close(s.came)
	s.came = make(chan struct{})
}

// heard waits for n callbacks, good and forged.
func (s *station) heard(t testing.TB, n int) []verify.Receipt {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		s.mu.Lock()
		receipts, all, came := s.receipts, len(s.receipts)+s.forged, s.came
		s.mu.Unlock()
		if all >= n {
			return receipts
		}
		select {
		case <-came:
		case <-ctx.Done():
			t.Fatalf("%d of %d callbacks came", all, n)
		}
	}
}

// content says that the judge has nothing against what was sent.
func (s *station) content(t testing.TB) {
	t.Helper()
	for _, o := range s.judge.Objections() {
		t.Errorf("Twilio objects: %s", o)
	}
}

func text() delivery.Message {
	return delivery.Message{
		Channel: verify.SMS, DeliveryID: "dlv_1", Number: verify.StoredNumber(person), Country: "US", Code: "482913",
		Text: "482913 is your code. Never share it.\n\n@login.example #482913", Language: "en", Life: 9*time.Minute + 500*time.Millisecond,
	}
}

func words() delivery.Message {
	m := text()
	m.Channel, m.Text = verify.Voice, "Hello. Your code is 4, 8, 2, 9, 1, 3. Once more: 4, 8, 2, 9, 1, 3. <Goodbye> & \"thanks\"."
	return m
}

// both are the channels with a message for each.
func (s *station) both(t testing.TB) map[string]struct {
	delivery.Channel
	delivery.Asker
	m delivery.Message
} {
	calls, ok := s.Calls()
	if !ok {
		t.Fatal("a number cannot call")
	}
	return map[string]struct {
		delivery.Channel
		delivery.Asker
		m delivery.Message
	}{"sms": {s.SMS(), s.SMS(), text()}, "voice": {calls, calls, words()}}
}
