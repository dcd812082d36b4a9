package verify_test

import (
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nod/verify"
)

// BenchmarkBegin is the rule of a create: a login that is asked of two phones.
func BenchmarkBegin(b *testing.B) {
	w := newWorld(b)
	devices := []verify.Device{w.device("dev_1", true, start), w.device("dev_2", false, start)}
	b.ReportAllocs()
	for b.Loop() {
		if err := w.begin(login(number), verify.Situation{Devices: devices}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPrompt signs what a phone is shown.
func BenchmarkPrompt(b *testing.B) {
	w := asked(b, verify.Typed)
	d := w.delivery(verify.WebSocket, "dev_1")
	b.ReportAllocs()
	for b.Loop() {
		w.auth.Prompt(w.v, d)
	}
}

// BenchmarkDeviceToken checks the signature with which a phone connects.
func BenchmarkDeviceToken(b *testing.B) {
	w := newWorld(b)
	d := w.device("dev_1", false, start)
	token := sign(b, jose.ES256, w.phones["dev_1"], verify.TypDevice, map[string]any{
		"iss": "dev_1", "aud": "https://nod.example", "iat": start.Unix(), "exp": start.Add(time.Minute).Unix(), "nonce": "n", "jti": "j",
	})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.auth.Device(token, &d, start); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkResult signs what the exchange hands out.
func BenchmarkResult(b *testing.B) {
	w := asked(b, verify.Typed)
	if _, err := w.reply("dev_1", verify.Approve, w.match()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		w.auth.Result(w.v)
	}
}

// BenchmarkCode derives a code, as it is sent and checked.
func BenchmarkCode(b *testing.B) {
	w := newWorld(b)
	if err := w.begin(verify.Request{Purpose: verify.Phone, Number: verify.StoredNumber(number)}, verify.Situation{}); err != nil {
		b.Fatal(err)
	}
	w.pump()
	code := w.v.Codes[len(w.v.Codes)-1]
	b.ReportAllocs()
	for b.Loop() {
		if w.auth.Keys().Code(w.v, code) == "" {
			b.Fatal("there is no code")
		}
	}
}

// BenchmarkParseNumber reads a phone number as integrators send it.
func BenchmarkParseNumber(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := verify.ParseNumber(number); err != nil {
			b.Fatal(err)
		}
	}
}
