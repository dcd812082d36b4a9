package twilio

import (
	"net/http"
	"net/url"

	"nod/delivery/wire"
	"nod/verify"
)

// Through puts another way below the account's client: a test in a bubble of fake
// time has no network.
func (t *Twilio) Through(way http.RoundTripper) {
	base, _ := url.Parse(t.config.BaseURL)
	t.http = wire.Over(&wire.Transport{Base: way, To: base})
}

// Codes is the table of errors: each code and its class.
func Codes() map[int]verify.Class {
	all := map[int]verify.Class{}
	for code, r := range codes {
		all[code] = r.class
	}
	return all
}
