package providers

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
)

// Gatekeeper is the integrator who is asked before a code leaves for a number. It
// judges the signature and the form of the question, and that neither code nor number
// is in it.
//
// Scripts and requests go by the user's id. An answer's Code is the body that it gives;
// without one it says yes, which is taken down as accepted.
type Gatekeeper struct{ Integrator }

// question is all that may be asked about.
type question struct {
	VerificationID string `json:"verification_id"`
	UserID         string `json:"user_id"`
	Purpose        string `json:"purpose"`
	Channel        string `json:"channel"`
	Country        string `json:"country"`
	IP             string `json:"ip"`
}

// ServeHTTP answers one question, or says with a status what is wrong with it. A HEAD is
// answered and not counted.
func (g *Gatekeeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, content, ok := g.admit(w, r)
	if !ok {
		return
	}
	var q question
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil || q.VerificationID == "" || q.UserID == "" || (q.Channel != "sms" && q.Channel != "voice") {
		g.object("question %s: it is not of a verification, a user, a purpose, a channel, a country and an address", id)
		http.Error(w, "not understood", http.StatusBadRequest)
		return
	}
	a := g.next(q.UserID)
	take := func() {
		g.take(Accepted{Provider: "presend", To: q.UserID, ID: id, Text: string(content), Fields: map[string]string{
			"verification_id": q.VerificationID, "purpose": q.Purpose, "channel": q.Channel, "country": q.Country, "ip": q.IP,
		}})
	}
	if !play(w, r, a, take) {
		return
	}
	if a.Status >= 300 && a.Status < 400 {
		w.Header().Set("Location", "/yes")
	}
	if a.Status != 0 {
		w.WriteHeader(a.Status)
	}
	if a.Code == "" {
		a.Code = `{"allow": true}`
		take()
	}
	_, _ = io.WriteString(w, a.Code)
}
