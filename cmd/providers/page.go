package main

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"strings"

	"nod/deploy/providers"
)

//go:embed page.html
var pageHTML []byte

// newPage serves what a person looks at, and the same for programs:
//
//	GET    /                  the page
//	GET    /state             what was taken and objected to, and how many requests there were,
//	                          as JSON; ?to=%2B14155550123 is for that number or token only
//	PUT    /scripts/{name}    {"to": "+14155550123", "answers": [{…}]}: how the provider answers next
//	DELETE /objections        forgets what they objected to
//	POST   /subscriptions     a subscription to Web Push, as a browser makes it
//
// What is taken holds codes: only this machine's own programs may read it, and no
// web page of another origin.
func newPage(set *providers.Set, host string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'")
		_, _ = w.Write(pageHTML)
	})
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, r *http.Request) {
		to := r.URL.Query().Get("to")
		taken, requests := []providers.Accepted{}, map[string]int{}
		for _, name := range providers.Names {
			taken = append(taken, set.Desk(name).Accepted(to)...)
			requests[name] = set.Desk(name).Requests(to)
		}
		answer(w, http.StatusOK, map[string]any{
			"accepted": taken, "objections": append([]providers.Objection{}, set.Objections()...),
			"requests": requests, // well-formed ones, taken or not
		})
	})
	mux.HandleFunc("PUT /scripts/{name}", func(w http.ResponseWriter, r *http.Request) {
		desk := set.Desk(r.PathValue("name"))
		if desk == nil {
			answer(w, http.StatusNotFound, map[string]string{"error": "There are: " + strings.Join(providers.Names, ", ") + "."})
			return
		}
		var script struct {
			To      string             `json:"to"`
			Answers []providers.Answer `json:"answers"`
		}
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
		d.DisallowUnknownFields()
		if err := d.Decode(&script); err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": err.Error() + `. Write {"to": "+14155550123", "answers": [{"status": 400, "code": "21211"}]}; an empty to is everybody, no answers are good ones.`})
			return
		}
		desk.Script(script.To, script.Answers...)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /objections", func(w http.ResponseWriter, _ *http.Request) {
		set.Forgive()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /subscriptions", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusCreated, json.RawMessage(set.Subscribe()))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A page elsewhere could name this address by a host of its own, or send a form here.
		if origin := r.Header.Get("Origin"); r.Host != host || (origin != "" && origin != "http://"+host) {
			http.Error(w, "This page is for this machine only.", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller has gone
}
