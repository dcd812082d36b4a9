package hub

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzParseFrame(f *testing.F) {
	for _, s := range []string{
		`{"type":"auth","id":1,"data":{"token":"x","last_seq":3}}`, `{"type":"x","data":null}`, `null`, `[]`, ``, `{"type":"x"}{}`,
		`{"type":"\ud800","id":"\u0000"}`, `{"TYPE":"x","type":"y"}`, `{"type":"x","data":{"a":` + strings.Repeat("[", 100),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		it, err := parseFrame(p)
		if err != nil {
			return
		}
		if it.Type == "" || it.Data != nil && it.Data[0] != '{' {
			t.Fatalf("%q is taken for %+v", p, it)
		}
		_, _ = parseAuth(it.Data)
		// What is echoed stays JSON, whatever came in.
		back, err := encode("error", 0, it.ID, errorData{Code: "x"})
		if err != nil || !json.Valid(back) || utf8.Valid(p) && !utf8.Valid(back) {
			t.Fatalf("%q is answered with %q, %v", p, back, err)
		}
	})
}
