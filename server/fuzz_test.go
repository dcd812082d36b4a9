package server_test

import (
	"strings"
	"testing"
)

// FuzzRequest sends rubbish to calls that read a body and a credential: the
// answer is always one of the contract's, and never a fault of the server.
func FuzzRequest(f *testing.F) {
	d := open(f, nil)
	for _, seed := range [][3]string{
		{"Bearer " + apiKey, "", `{"user_id":"ana","phone_number":"+14155550123"}`},
		{"Bearer " + d.user("ana")["Authorization"], "", `{"phone_number":"+14155550123","code":"123456"}`},
		{"Bearer " + apiKey, "", `{"query":"0014155550123"}`},
		{"Device a.b.c", "nod_cs_0", `{"push":null}`},
		{"", "", "[]"},
		{"", "", ""},
		{"Bearer eyJhbGciOiJub25lIn0..", "", "\x00"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	ana := d.user("ana")["Authorization"]
	f.Fuzz(func(t *testing.T, authorization, secret, body string) {
		d := d.under(t)
		for path, own := range map[string]string{
			verifications: "Bearer " + apiKey, verifyCode: ana, "/api/v1/devices": "", "/api/v1/prompts/x/respond": "",
			searchFor: "Bearer " + apiKey, "/api/v1/users/ana/block": "Bearer " + apiKey, "/api/v1/users/ana/unlock": "Bearer " + apiKey,
		} {
			for _, given := range []string{own, authorization} {
				r := d.ask(who{"Authorization": given, "Nod-Client-Secret": secret}, "POST", path, body)
				if r.code >= 500 || r.code != 204 && r.object == nil || r.code >= 400 && r.object["code"] == nil {
					t.Errorf("%s answered %d %s", path, r.code, strings.TrimSpace(r.text))
				}
			}
		}
	})
}
