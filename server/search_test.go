package server_test

import (
	"strings"
	"testing"
	"time"

	"nod/verify"
)

const searchFor = "/api/v1/search"

// searched lists the ids that a search finds, in its order.
func (d *door) searched(query string) (ids []string) {
	d.Helper()
	for _, v := range d.ask(byKey, "POST", searchFor, object{"query": query}).allow(200).object["verifications"].([]any) {
		ids = append(ids, v.(object)["verification_id"].(string))
	}
	return ids
}

func TestSearch(t *testing.T) {
	within(t, func(d *door) {
		first := d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number, "channel": "sms"}).allow(201).str("verification_id")
		d.pass(time.Second)
		second := d.ask(d.user("bob"), "POST", sendCode, object{"phone_number": number}).allow(202).str("verification_id")
		d.ask(byKey, "POST", verifications, object{"user_id": "cem", "phone_number": "+14155550199"}).allow(201)
		for _, written := range []string{number, " +1 (415) 555-01.23 ", "0014155550123", "00 1 415/555\u201101\u00a023",
			"14155550123", "1 (415) 555-0123", "tel:+1-415-555-0123", "TEL:+14155550123", "\uff0b14155550123", "\uff0b\uff11 415 555 0123"} {
			if ids := d.searched(written); len(ids) != 2 || ids[0] != second || ids[1] != first {
				t.Errorf("%q finds %v, want the newest first", written, ids)
			}
		}
		for _, written := range []string{first, " " + strings.ToUpper(first) + "\n", "Ver_" + first[4:]} {
			if ids := d.searched(written); len(ids) != 1 || ids[0] != first {
				t.Errorf("the id %q finds %v", written, ids)
			}
		}
		for _, nothing := range []string{"+14155550188", verify.NewID("ver")} {
			if ids := d.searched(nothing); len(ids) != 0 {
				t.Errorf("%q finds %v", nothing, ids)
			}
		}
		console := d.operator()
		row := d.ask(console, "POST", searchFor, object{"query": number}).allow(200).object["verifications"].([]any)[1].(object)
		if row["phone_number"] != "+1 ••• 23" || row["status"] != "pending" || row["code_sent"] != true || row["user_id"] != nil {
			t.Errorf("an operator is shown %v", row)
		}
	})
}

// TestSearchTellsNoNumber looks for what is there, what is not, and what is neither
// number nor id: nothing of it is repeated or logged.
func TestSearchTellsNoNumber(t *testing.T) {
	within(t, func(d *door) {
		d.ask(byKey, "POST", verifications, object{"user_id": "ana", "phone_number": number}).allow(201)
		for _, query := range []string{number, "+14155550188"} {
			if r := d.ask(byKey, "POST", searchFor, object{"query": query}).allow(200); strings.Contains(r.text, "41555501") {
				t.Errorf("the answer holds the number: %s", r.text)
			}
		}
		for _, query := range []any{"0415 555 0123", "+1415555012", "++14155550123", "ver_0123", "ana", "VER_" + strings.Repeat("0", 31), "tel:ana", "sip:+14155550123", "+0014155550123", "001+4155550123", "tel:tel:+14155550123", strings.Repeat("9", 65), 14155550123, ""} {
			r := d.ask(byKey, "POST", searchFor, object{"query": query}).deny(422, "invalid_request").at("query")
			if s, ok := query.(string); ok && len(s) > 3 && strings.Contains(r.text, s) || strings.Contains(r.text, "415") || strings.Contains(r.text, "999") {
				t.Errorf("the refusal repeats %v: %s", query, r.text)
			}
		}
		if strings.Contains(d.log.String(), "415555") {
			t.Error("a number that was searched for stands in the log")
		}
	})
}
