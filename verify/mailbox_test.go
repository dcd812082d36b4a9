package verify_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"nod/verify"
)

const address = "ana.silva@example.com"

func TestParseMailbox(t *testing.T) {
	for s, mask := range map[string]string{
		address: "a•••@example.com", "x@example.org": "x•••@example.org", "o'neil+nod@mail.example.com": "o•••@mail.example.com", "élodie@exemple.fr": "é•••@exemple.fr",
	} {
		m, err := verify.ParseMailbox(s)
		if err != nil || m.Address() != s || m.Mask() != mask {
			t.Errorf("%s: %s %v", s, m.Mask(), err)
		}
	}
	for name, s := range map[string]string{
		"nothing": "", "no domain": "ana@", "nobody": "@example.com", "no at": "example.com", "a name": "Ana <ana@example.com>", "brackets": "<ana@example.com>",
		"two": "ana@example.com,ben@example.com", "a header": "ana@example.com\r\nBcc: ben@example.com", "spaces": "ana silva@example.com",
		"quotes": `"ana silva"@example.com`, "an address for a domain": "ana@[192.0.2.1]", "a comment": "ana(silva)@example.com", "not UTF-8": "ana\xff@example.com",
		"too long a name": strings.Repeat("a", 65) + "@example.com", "too long": "ana@" + strings.Repeat("a.", 124) + "example",
	} {
		_, err := verify.ParseMailbox(s)
		if refused(t, err, verify.CodeInvalidRequest).Field != "email" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnAddressIsNotShown(t *testing.T) {
	m := verify.StoredMailbox(address)
	text, err := json.Marshal(map[string]any{"email": m})
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s %q", m, m, m, m, m), m.LogValue().String(), string(text)} {
		if strings.Contains(shown, "silva") || !strings.Contains(shown, "a•••@example.com") {
			t.Errorf("shown as %s", shown)
		}
	}
	if none := (verify.Mailbox{}); none.Mask() != "" || !none.IsZero() {
		t.Error("no address is one")
	}
}

func FuzzParseMailbox(f *testing.F) {
	for _, s := range []string{address, "@", "a@b", "Ana <ana@example.com>", "a@b\r\nc", `"a b"@c`, "a@b@c", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := verify.ParseMailbox(s)
		if err != nil {
			if strings.Contains(err.Error(), s) && len(s) > 16 {
				t.Error("the refusal repeats the address")
			}
			return
		}
		if m.Address() != s || strings.ContainsAny(s, "\r\n<> ,;") || strings.Count(m.Mask(), "@") == 0 {
			t.Errorf("%q became %q, shown as %q", s, m.Address(), m.Mask())
		}
	})
}
