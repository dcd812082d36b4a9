package server_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"nod/delivery"
	"nod/server"
	"nod/verify"
)

// telco is a provider that signs what it tells: an HMAC over the address that it
// was given and the body, as most do. It goes by the simulator's name, which sends
// here, so that the messages are its own.
type telco struct{ key []byte }

const telcoName = "outbox"

func (p telco) sign(address, body string) string {
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte(address + "\n" + body))
	return hex.EncodeToString(mac.Sum(nil))
}

// Receipts implements delivery.Receiver.
func (p telco) Receipts(r *http.Request) ([]verify.Receipt, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal([]byte(r.Header.Get("Signature")), []byte(p.sign(publicURL+r.URL.RequestURI(), string(body)))) {
		return nil, delivery.ErrForged
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	var all []verify.Receipt
	for i, id := range form["id"] {
		r := verify.Receipt{DeliveryID: r.URL.Query().Get("delivery"), Provider: telcoName, ProviderID: id, State: verify.DeliveryState(form["state"][i])}
		if r.State == verify.StateUndelivered {
			r.Class, r.Detail = verify.ClassPermanentTarget, "30005"
		}
		all = append(all, r)
	}
	return all, nil
}

// office is a door with a telco, and one SMS that it took.
type office struct {
	*door
	telco
	id  string // of the verification
	sms verify.Delivery
}

func atOffice(t *testing.T, test func(*office), alter ...func(*server.Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := &office{telco: telco{key: []byte(rand.Text())}}
		o.door = open(t, func(c *server.Config) {
			c.Receivers = map[string]delivery.Receiver{telcoName: o.telco}
			for _, f := range alter {
				f(c)
			}
		})
		o.id = o.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number, "channel": "sms"}).allow(201).str("verification_id")
		o.settle()
		o.sms = o.row()
		if o.sms.State != verify.StateAccepted || o.sms.ProviderID == "" {
			t.Fatalf("the SMS is %s", o.sms.State)
		}
		test(o)
	})
}

// row is the delivery of the SMS as it stands.
func (o *office) row() verify.Delivery {
	o.Helper()
	v, _, err := o.store.Verification(o.Context(), o.id)
	o.must(err)
	return v.Deliveries[len(v.Deliveries)-1]
}

// is fails unless the SMS stands so.
func (o *office) is(state verify.DeliveryState) {
	o.Helper()
	if got := o.row(); got.State != state {
		o.Errorf("the SMS is %s, want %s", got.State, state)
	}
}

const statusPath = "/webhooks/" + telcoName + "/status"

// about is where a receipt about a delivery is sent.
func about(deliveryID string) string { return statusPath + "?delivery=" + deliveryID }

func receipt(id string, state verify.DeliveryState) string {
	return url.Values{"id": {id}, "state": {string(state)}}.Encode()
}

// tell calls as the provider.
func (o *office) tell(path, body string) reply {
	o.Helper()
	return o.door.ask(who{"Signature": o.telco.sign(publicURL+path, body)}, "POST", path, body)
}

// counted is how many receipts came to a result.
func (o *office) counted(result string, want int) {
	o.Helper()
	name := fmt.Sprintf("\nnod_receipts_total{provider=%q,result=%q} ", telcoName, result)
	_, text, _ := strings.Cut(o.ask(nobody, "GET", "/metrics", nil).allow(200).text, name)
	got, _, _ := strings.Cut(text, "\n")
	if got == "" {
		got = "0"
	}
	if got != fmt.Sprint(want) {
		o.Errorf("%s are %s receipts, want %d", result, got, want)
	}
}

func TestReceipts(t *testing.T) {
	t.Run("move a delivery forward only, as often as they come", func(t *testing.T) {
		atOffice(t, func(o *office) {
			seq := func() any { return o.ask(byKey, "GET", verifications+"/"+o.id, nil).allow(200).object["seq"] }
			path, id := about(o.sms.ID), o.sms.ProviderID
			before := seq()
			o.tell(path, receipt(id, verify.StateAccepted)).allow(204)
			if seq() != before {
				t.Error("what is known made an event")
			}
			o.tell(path, receipt(id, verify.StateUndelivered)).allow(204)
			o.is(verify.StateUndelivered)
			if row := o.row(); row.Detail != "30005" || row.Class != verify.ClassPermanentTarget {
				t.Errorf("%+v", row)
			}
			o.tell(path, receipt(id, verify.StateDelivered)).allow(204)
			o.is(verify.StateDelivered)
			after := seq()
			for _, late := range []verify.DeliveryState{verify.StateDelivered, verify.StateUndelivered, verify.StateAccepted} {
				o.tell(path, receipt(id, late)).allow(204)
			}
			o.is(verify.StateDelivered)
			if seq() != after {
				t.Error("a replay made an event")
			}
			o.counted("taken", 6)
		})
	})
	t.Run("find a message whose id was never learned", func(t *testing.T) {
		atOffice(t, func(o *office) {
			o.must(o.store.UpdateVerification(o.Context(), o.id, nil, func(v *verify.Verification, _ time.Time) error {
				d := v.Delivery(o.sms.ID) // as a worker leaves it that dies while it sends
				d.State, d.Class, d.Provider, d.ProviderID, d.AcceptedAt = verify.StateUnknown, verify.ClassUnknown, "", "", time.Time{}
				return nil
			}))
			o.tell(about(o.sms.ID), receipt("SM9", verify.StateDelivered)).allow(204)
			if row := o.row(); row.State != verify.StateDelivered || row.Provider != telcoName || row.ProviderID != "SM9" {
				t.Errorf("%+v", row)
			}
		})
	})
	t.Run("find a message by its own id", func(t *testing.T) {
		atOffice(t, func(o *office) {
			o.tell(statusPath, receipt(o.sms.ProviderID, verify.StateDelivered)).allow(204)
			o.is(verify.StateDelivered)
		})
	})
	t.Run("of another message change nothing", func(t *testing.T) {
		atOffice(t, func(o *office) {
			o.tell(about(o.sms.ID), receipt("SM9", verify.StateDelivered)).allow(204)
			o.is(verify.StateAccepted)
		})
	})
	t.Run("of one provider are not believed about another's message", func(t *testing.T) {
		other := telco{key: []byte(rand.Text())}
		atOffice(t, func(o *office) {
			path, body := "/webhooks/other/status?delivery="+o.sms.ID, receipt(o.sms.ProviderID, verify.StateDelivered)
			o.ask(who{"Signature": other.sign(publicURL+path, body)}, "POST", path, body).allow(204)
			o.is(verify.StateAccepted)
		}, func(c *server.Config) { c.Receivers["other"] = other })
	})
	t.Run("decide nothing, also after the end", func(t *testing.T) {
		atOffice(t, func(o *office) {
			o.ask(byKey, "POST", verifications+"/"+o.id+"/cancel", nil).allow(200)
			o.tell(about(o.sms.ID), receipt(o.sms.ProviderID, verify.StateUndelivered)).allow(204)
			o.is(verify.StateUndelivered)
			o.ask(byKey, "GET", verifications+"/"+o.id, nil).allow(200).has("status", "canceled")
		})
	})
	t.Run("about nothing here are not found, without a hint", func(t *testing.T) {
		atOffice(t, func(o *office) {
			none := o.ask(nobody, "POST", "/webhooks/nobody/status", "").deny(404, "not_found").text
			for path, body := range map[string]string{
				about(verify.NewID("dlv")):             receipt(o.sms.ProviderID, verify.StateDelivered),
				statusPath:                             receipt("SM9", verify.StateDelivered),
				"/webhooks/" + telcoName + "/incoming": receipt(o.sms.ProviderID, verify.StateDelivered),
			} {
				if r := o.tell(path, body).deny(404, "not_found"); r.text != none {
					t.Errorf("%s: %s", path, r.text)
				}
			}
			o.is(verify.StateAccepted)
			o.counted("unknown", 2)
		})
	})
	t.Run("of many, those that are known are taken", func(t *testing.T) {
		atOffice(t, func(o *office) {
			body := url.Values{"id": {"SM9", o.sms.ProviderID}, "state": {"delivered", "delivered"}}.Encode()
			o.tell(statusPath, body).allow(204)
			o.is(verify.StateDelivered)
		})
	})
	t.Run("with nothing in them are taken", func(t *testing.T) {
		atOffice(t, func(o *office) { o.tell(statusPath, "").allow(204) })
	})
}

func TestForgedReceipts(t *testing.T) {
	atOffice(t, func(o *office) {
		path, body := about(o.sms.ID), receipt(o.sms.ProviderID, verify.StateDelivered)
		good := o.telco.sign(publicURL+path, body)
		forged := map[string]func() reply{
			"no signature": func() reply { return o.door.ask(nobody, "POST", path, body) },
			"another secret": func() reply {
				return o.door.ask(who{"Signature": telco{[]byte("guess")}.sign(publicURL+path, body)}, "POST", path, body)
			},
			"another body":     func() reply { return o.door.ask(who{"Signature": good}, "POST", path, body+"&id=SM9") },
			"another delivery": func() reply { return o.door.ask(who{"Signature": good}, "POST", about("dlv_0"), body) },
			"the host that it says": func() reply {
				evil := o.telco.sign("https://evil.example"+path, body)
				return o.door.ask(who{"Signature": evil, "Host": "evil.example", "X-Forwarded-Host": "evil.example"}, "POST", path, body)
			},
		}
		for name, ask := range forged {
			t.Log(name)
			ask().deny(403, "forbidden")
		}
		o.is(verify.StateAccepted)
		o.counted("forged", len(forged))
		const line = "a receipt was forged"
		if n := o.lines(line); n != 1 {
			t.Errorf("%d lines", n)
		}
		o.pass(time.Minute)
		forged["no signature"]().deny(403, "forbidden")
		if n := o.lines(line); n != 2 {
			t.Errorf("%d lines after a minute", n)
		}
		if log := o.log.String(); strings.Contains(log, good) || strings.Contains(log, o.sms.ProviderID) {
			t.Error("the log repeats what was sent")
		}
		o.door.ask(who{"Signature": good, "Host": "other.example"}, "POST", path, body).allow(204) // what counts is the public URL
		o.is(verify.StateDelivered)
	})
}

func TestReceiptsThatCannotBeRead(t *testing.T) {
	atOffice(t, func(o *office) {
		o.tell(statusPath, "id=%").deny(422, "invalid_request")
		o.counted("unreadable", 1)
		o.tell(statusPath, strings.Repeat("x", 64<<10)).allow(204)
		o.tell(statusPath, strings.Repeat("x", 64<<10+1)).deny(413, "payload_too_large")
		o.ask(nobody, "GET", statusPath, nil).deny(405, "method_not_allowed")
	})
}

// A store in trouble has the provider come again; the one that hangs holds up no
// more receipts than there are places.
func TestReceiptsOfAStoreInTrouble(t *testing.T) {
	store := &counting{}
	atOffice(t, func(o *office) {
		path, body := about(o.sms.ID), receipt(o.sms.ProviderID, verify.StateDelivered)
		store.away.Store(true)
		if r := o.tell(path, body).deny(503, "unavailable"); r.header.Get("Retry-After") == "" {
			t.Error("it is not told when to come again")
		}
		store.away.Store(false)
		store.hangs.Store(true)
		var group sync.WaitGroup
		began := time.Now()
		store.since()
		for range 100 {
			group.Go(func() { o.tell(path, body).deny(503, "unavailable") })
		}
		o.pass(time.Second)
		if n := store.since()["UpdateVerification"]; n != 64 {
			t.Errorf("%d were looked at together", n)
		}
		group.Wait()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("they waited %s", took)
		}
		store.hangs.Store(false)
		o.tell(path, body).allow(204)
		o.is(verify.StateDelivered)
	}, store.counted)
}
