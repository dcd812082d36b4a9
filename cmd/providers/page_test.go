package main

import (
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"nod/deploy/providers"
)

// TestObjections has two providers object: the page is told by whom, to what and
// when, and forgets it when it is told to, by itself only.
func TestObjections(t *testing.T) {
	const host = "127.0.0.1:1"
	set, err := providers.Start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	page := newPage(set, host)
	ask := func(method, path, origin string) *httptest.ResponseRecorder {
		r, w := httptest.NewRequest(method, "http://"+host+path, nil), httptest.NewRecorder()
		r.Header.Set("Origin", origin)
		page.ServeHTTP(w, r)
		return w
	}
	told := func() []providers.Objection {
		var state struct {
			Objections []providers.Objection `json:"objections"`
		}
		if err := json.Unmarshal(ask("GET", "/state", "http://"+host).Body.Bytes(), &state); err != nil || state.Objections == nil {
			t.Fatalf("%v: %v", state, err)
		}
		return state.Objections
	}
	start := time.Now()
	for _, server := range []http.Handler{set.Twilio, set.Vonage} {
		server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/nothing", nil))
	}
	all := told()
	if len(all) != 2 || all[0].Provider != "twilio" || all[1].Provider != "vonage" {
		t.Fatalf("told of %q", all)
	}
	for _, o := range all {
		if o.Text == "" || strings.HasPrefix(o.Text, o.Provider) || o.At.Before(start) || o.At.After(time.Now()) {
			t.Errorf("told of %q at %v", o, o.At)
		}
	}
	if w := ask("DELETE", "/objections", "http://elsewhere.example"); w.Code != http.StatusForbidden || len(told()) != 2 {
		t.Errorf("another page is answered %d, and leaves %q", w.Code, told())
	}
	if w := ask("DELETE", "/objections", "http://"+host); w.Code != http.StatusNoContent || len(told()) != 0 {
		t.Errorf("the page is answered %d, and left with %q", w.Code, told())
	}
}

// TestHelpStartsNothing: who asks what there is to set is told so, and so is who passes
// what does not exist.
func TestHelpStartsNothing(t *testing.T) {
	for arg, help := range map[string]bool{"--help": true, "-h": true, "--what": false, "serve": false} {
		var out strings.Builder
		err := arguments([]string{arg}, &out)
		if err == nil || errors.Is(err, flag.ErrHelp) != help || !strings.Contains(out.String(), "NOD_ADDR") {
			t.Errorf("%s: %v, %q", arg, err, out.String())
		}
	}
	if err := arguments(nil, io.Discard); err != nil {
		t.Error(err)
	}
}
