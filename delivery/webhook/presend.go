package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"nod/delivery"
	"nod/delivery/wire"
	"nod/verify"
)

// Gate asks the integrator, at one address, whether a code may leave for a number:
//
//	POST {"verification_id":"ver_…","user_id":"u1","purpose":"login","channel":"sms","country":"US","ip":"192.0.2.7"}
//	200  {"allow": true}    or    {"allow": false}
//
// The request is signed as webhooks are, by the same secrets; its webhook-id is the
// delivery's, the same each time that this delivery is asked about. What is no 200 with
// one JSON object that says allow once, as true or false, is no answer, a redirect too.
// Its other members are passed over. It is asked directly, never through a proxy of the environment: what
// stands between could say yes. It is safe for concurrent use.
type Gate struct {
	url    *url.URL
	keys   keys
	client *http.Client
}

// NewGate makes a gate; it connects to nobody. An error names the setting at fault and
// never repeats it.
func NewGate(c Config) (*Gate, error) {
	u, err := addressOf("NOD_PRESEND_URL", c.URL)
	if err != nil {
		return nil, err
	}
	ks, err := keysOf(c.Secrets)
	if err != nil {
		return nil, err
	}
	base := wire.NewBase()
	base.Proxy = nil
	return &Gate{url: u, keys: ks, client: wire.Over(&wire.Transport{Base: base})}, nil
}

// departure is what is sent.
type departure struct {
	VerificationID string         `json:"verification_id"`
	UserID         string         `json:"user_id"`
	Purpose        verify.Purpose `json:"purpose"`
	Channel        verify.Channel `json:"channel"`
	Country        string         `json:"country,omitempty"`
	IP             string         `json:"ip,omitempty"`
}

// Allow implements [delivery.Gate]. Its errors hold nothing of what was sent or answered.
func (g *Gate) Allow(ctx context.Context, of delivery.Departure) (bool, error) {
	content, err := json.Marshal(departure{of.VerificationID, of.UserID, of.Purpose, of.Channel, of.Country, of.IP})
	if err != nil {
		return false, errors.New("the question could not be written")
	}
	ctx, call := wire.One(ctx)
	req, err := g.keys.request(ctx, g.url, of.DeliveryID, of.At, content)
	if err != nil {
		return false, errors.New("the question could not be written")
	}
	res, err := g.client.Do(req)
	if err != nil {
		return false, fmt.Errorf("NOD_PRESEND_URL: no answer (%s)", detailOf(err, call))
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return false, fmt.Errorf("NOD_PRESEND_URL: the answer is %d, not 200", res.StatusCode)
	}
	if allow, ok := readAnswer(res.Body); ok {
		return allow, nil
	}
	return false, errors.New(`NOD_PRESEND_URL: the answer is not {"allow": true} or {"allow": false}`)
}

// readAnswer reads one JSON object that says allow once, as true or false; !ok where it
// is anything else. It goes token by token, for [json.Unmarshal] takes the last of two
// members of one name, and another spelling of it, where others who read the same answer
// would take the first (RFC 8259, section 4).
func readAnswer(body io.Reader) (allow, ok bool) {
	d := json.NewDecoder(body)
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return false, false
	}
	told := 0
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return false, false
		}
		var value any
		if d.Decode(&value) != nil {
			return false, false
		}
		if name != "allow" {
			continue
		}
		told++
		if allow, ok = value.(bool); !ok {
			return false, false
		}
	}
	if _, err := d.Token(); err != nil || told != 1 { // what it read is the end of the object
		return false, false
	}
	_, err := d.Token()
	return allow, errors.Is(err, io.EOF) // nothing follows
}

// Check is [Endpoint.Check] for NOD_PRESEND_URL.
func (g *Gate) Check(ctx context.Context) error {
	return reach(ctx, "NOD_PRESEND_URL", g.client, g.url)
}
