package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	played "nod/deploy/providers"
)

// statusBody is the status body as the contract promises it, by its types: what is
// no pointer is never null.
type statusBody struct {
	VerificationID    string     `json:"verification_id"`
	ClientSecret      string     `json:"client_secret"`
	Purpose           string     `json:"purpose"`
	Status            string     `json:"status"`
	Stage             *string    `json:"stage"`
	Reason            *string    `json:"reason"`
	Method            *string    `json:"method"`
	PhoneNumber       string     `json:"phone_number"`
	Channel           string     `json:"channel"`
	MatchNumber       string     `json:"match_number"`
	ResultToken       string     `json:"result_token"`
	NextResendDelay   int        `json:"next_resend_delay"`
	NextResendAt      *time.Time `json:"next_resend_at"`
	CooldownRemaining int        `json:"cooldown_remaining"`
	ResendCount       int        `json:"resend_count"`
	MaxResends        int        `json:"max_resends"`
	AttemptsRemaining *int       `json:"attempts_remaining"`
	CodeLength        int        `json:"code_length"`

	ExpiresAt        *time.Time `json:"expires_at"`
	PromptExpiresAt  *time.Time `json:"prompt_expires_at"`
	SessionExpiresAt time.Time  `json:"session_expires_at"`

	CanChangePhone            bool    `json:"can_change_phone"`
	AlternativeContactMessage *string `json:"alternative_contact_message"`
	Alternatives              []struct {
		Kind        string `json:"kind"`
		Label       string `json:"label"`
		AvailableIn int    `json:"available_in"`
	} `json:"alternatives"`
	NextActions struct {
		SMSIn   *int `json:"sms_in"`
		PushIn  *int `json:"push_in"`
		VoiceIn *int `json:"voice_in"`
		CheckIn *int `json:"check_in"`
	} `json:"next_actions"`
	AttemptHistory []struct {
		At      time.Time `json:"at"`
		Kind    string    `json:"kind"`
		Channel string    `json:"channel"`
		Status  string    `json:"status"`
		Reason  *string   `json:"reason"`
	} `json:"attempt_history"`
	Deliveries []struct {
		ID      string    `json:"id"`
		Channel string    `json:"channel"`
		State   string    `json:"state"`
		Class   string    `json:"class"`
		Target  string    `json:"target"`
		At      time.Time `json:"at"`
	} `json:"deliveries"`
	Message     *string    `json:"message"`
	MessageKey  *string    `json:"message_key"`
	LockedUntil *time.Time `json:"locked_until"`
	Seq         int64      `json:"seq"`
	ServerTime  time.Time  `json:"server_time"`
}

// onlyForSome are the secrets that not every reader sees.
var onlyForSome = []string{"client_secret", "match_number", "result_token"}

// whole wants every member of the status body to be there, of its type, and of the
// secrets these only.
func (p *person) whole(v object, secrets ...string) (body statusBody) {
	p.t.Helper()
	members(p.t, "", reflect.TypeFor[statusBody](), map[string]any(v), func(name string) bool {
		return !slices.Contains(onlyForSome, name) || slices.Contains(secrets, name)
	})
	raw, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(raw, &body)
	}
	if err != nil {
		p.t.Fatalf("it is no status body: %v: %v", err, v)
	}
	if strings.Contains(string(raw), strings.TrimPrefix(p.number, "+")) {
		p.t.Errorf("the number is not masked: %s", raw)
	}
	return body
}

// members compares what is there with a type.
func members(t *testing.T, path string, want reflect.Type, got any, wanted func(name string) bool) {
	t.Helper()
	switch want.Kind() {
	case reflect.Slice:
		all, ok := got.([]any)
		if !ok {
			t.Errorf("%s is %v, want a list", path, got)
		}
		for i, one := range all {
			members(t, fmt.Sprintf("%s[%d]", path, i), want.Elem(), one, wanted)
		}
	case reflect.Struct:
		if want == reflect.TypeFor[time.Time]() {
			break
		}
		o, _ := got.(map[string]any)
		for f := range want.Fields() {
			name := f.Tag.Get("json")
			value, there := o[name]
			switch {
			case there != wanted(name):
				t.Errorf("%s.%s is there: %v", path, name, there)
			case there:
				members(t, path+"."+name, f.Type, value, wanted)
			}
		}
		return
	}
	if got == nil && want.Kind() != reflect.Pointer {
		t.Errorf("%s is null", path)
	}
}

// everyField: what pages and apps of integrators read is there, at each moment.
func everyField(t *testing.T, s *stage) {
	p := s.person()
	v, _ := p.sends()
	if sent := p.whole(v, "client_secret"); sent.Status != "pending" || sent.Purpose != "phone" || sent.ClientSecret == "" {
		t.Errorf("sent: %+v", sent)
	}
	eventually(t, "the SMS has arrived", func() bool { return p.status().list("deliveries")[0].str("state") == "delivered" })
	now := p.whole(p.status())
	switch end := now.ServerTime.Add(s.session); {
	case now.VerificationID != v.str("verification_id") || now.Channel != "sms" || now.CodeLength != 6 || now.MaxResends != 3 || now.Seq < 1:
		t.Errorf("%+v", now)
	case now.Stage == nil || *now.Stage != "code_entry" || now.Reason != nil || now.Method != nil || now.LockedUntil != nil || now.PromptExpiresAt != nil:
		t.Errorf("%+v", now)
	case now.AttemptsRemaining == nil || now.ExpiresAt == nil || now.Message == nil || now.MessageKey == nil || now.SessionExpiresAt.After(end):
		t.Errorf("%+v", now)
	case len(now.AttemptHistory) != 1 || len(now.Deliveries) != 1 || now.Deliveries[0].Class != "none" || now.Deliveries[0].State != "delivered":
		t.Errorf("%+v", now)
	case now.NextActions.CheckIn == nil || now.NextActions.SMSIn == nil || now.NextActions.VoiceIn == nil || now.NextActions.PushIn != nil:
		t.Errorf("%+v", now.NextActions)
	case s.full && (*now.NextActions.SMSIn != 60 || !now.NextResendAt.Equal(now.ServerTime.Add(time.Minute)) || now.CooldownRemaining != 60):
		t.Errorf("%+v", now)
	}
	p.whole(p.again(1))
	done := p.types(p.reads(2), true)
	if end := p.whole(done, "result_token"); end.Status != "approved" || end.Stage != nil || end.Method == nil || *end.Method != "sms_code" || end.ResultToken == "" {
		t.Errorf("approved: %+v", end)
	}
	if again := p.whole(p.status(), "result_token"); len(again.AttemptHistory) != 3 {
		t.Errorf("tried: %+v", again.AttemptHistory)
	}
}

// history: a person who comes back sees what happened, in order.
func history(t *testing.T, s *stage) {
	p := s.person()
	v, code := p.sends()
	p.types(wrong(code), false)
	p.twilio.Script(p.number, played.Answer{Code: "21408"})
	p.again(1)
	p.asked(2)
	p.twilio.Script(p.number)
	p.resends(2)
	p.types(code, true)
	var rows []object
	eventually(t, "both SMS have arrived", func() bool {
		rows = p.status().list("attempt_history")
		return len(rows) == 5 && rows[0].str("status") == "delivered" && rows[3].str("status") == "delivered"
	})
	begun := p.time(v.str("server_time"))
	for i, want := range []struct {
		kind, status string
		reason       any
		at           time.Duration
	}{
		{"send", "delivered", nil, 0},
		{"check", "wrong", nil, 0},
		{"resend", "failed", "policy", time.Minute},
		{"resend", "delivered", nil, 2 * time.Minute},
		{"check", "correct", nil, 2 * time.Minute},
	} {
		p.shows(rows[i], object{"kind": want.kind, "status": want.status, "channel": "sms", "reason": want.reason})
		if at := p.time(rows[i].str("at")).Sub(begun); s.full && at != want.at {
			t.Errorf("row %d is of %s after the start, want %s", i, at, want.at)
		}
	}
	p.counted(3, 2)
}

// ownFigures: a person sees what they did, in the seed's five words, and nobody
// else's.
func ownFigures(t *testing.T, s *stage) {
	p, stranger := s.person(), s.person()
	_, code := p.sends()
	p.types(wrong(code), false)
	p.resends(1)
	p.types(code, true)
	figures := func(p *person, days string) object {
		return p.asks(200, "", "GET", onboarding+"verification-analytics"+days, nil)
	}
	own := figures(p, "")
	p.shows(own, object{
		"days": 30, "success_rate": 1,
		"totals": object{"send_code": 1, "resend_request": 1, "verify_failed": 1, "verify_success": 1, "change_phone": 0},
	})
	var said []string
	for _, e := range own.list("recent") {
		said = append(said, e.str("event_type"))
	}
	slices.Reverse(said) // the newest is first
	if want := []string{"send_code", "verify_failed", "resend_request", "verify_success"}; !slices.Equal(said, want) {
		t.Errorf("recently there was %v, want %v", said, want)
	}
	if took := own.num("avg_time_to_complete_seconds"); took < p.delay(1).Seconds() || s.full && took != 60 {
		t.Errorf("it took %v s", took)
	}
	if own.obj("by_channel")["sms"] == nil {
		t.Errorf("by channel there is %v", own["by_channel"])
	}
	p.shows(figures(p, "?days=7"), object{"days": 7})
	p.shows(figures(stranger, ""), object{
		"totals": object{"send_code": 0, "resend_request": 0, "verify_failed": 0, "verify_success": 0, "change_phone": 0},
	})
}

// nothingSent: that a page asks too early is no error.
func nothingSent(t *testing.T, s *stage) {
	p, owner := s.person(), s.person()
	owner.sends()
	p.number = owner.number
	if now := p.status(); now.str("status") != "none" || now.str("server_time") == "" || len(now) != 2 {
		t.Errorf("of a number that only another proves: %v", now)
	}
	for _, call := range []string{"resend-verification", "verify-code"} {
		p.asks(404, "not_found", "POST", onboarding+call, map[string]object{"resend-verification": p.which(), "verify-code": p.which("code", "123456")}[call])
	}
	owner.counted(1, 1)
}

// longPoll: who waits is told at once, and after a while that there is no news.
func longPoll(t *testing.T, s *stage) {
	p := s.person()
	_, code := p.sends()
	eventually(t, "the SMS has arrived", func() bool { return p.status().list("deliveries")[0].str("state") == "delivered" })
	before := p.status()
	wait := func(seconds int) (out object, took time.Duration) {
		q := url.Values{"phone_number": {p.number}, "wait": {fmt.Sprint(seconds)}, "since_seq": {fmt.Sprint(before.num("seq"))}}
		begun := time.Now()
		status, out, err := p.try(t.Context(), "GET", onboarding+"verification-status?"+q.Encode(), p.credential(), nil)
		if err != nil || status != 200 {
			t.Errorf("%d %v %v", status, out, err)
		}
		return out, time.Since(begun)
	}
	patience := 1
	if s.full {
		patience = 25
	}
	out, took := wait(patience)
	p.whole(out)
	p.shows(out, object{"seq": before["seq"]})
	if took < time.Duration(patience)*time.Second || s.full && took != 25*time.Second {
		t.Errorf("no news came after %s", took)
	}
	told := make(chan object)
	go func() {
		out, _ := wait(25)
		told <- out
	}()
	p.types(wrong(code), false)
	out = <-told
	p.shows(out, object{"status": "pending", "attempts_remaining": 2})
	if out.num("seq") <= before.num("seq") {
		t.Errorf("the news is of seq %v, as before", out["seq"])
	}
}
