package verify_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"

	"nod/verify"
)

func TestParseNumber(t *testing.T) {
	for _, s := range []string{number, "+491711234567", "+447400123456"} {
		if n, err := verify.ParseNumber(s); err != nil || n.E164() != s {
			t.Errorf("%s: %v", s, err)
		}
	}
	for name, s := range map[string]string{
		"nothing": "", "a national form": "4155550123", "spaces": "+1 415 555 0123", "too short": "+1415555", "too long": "+141555501234567",
		"no such area": "+11115550123", "no such country": "+9991234567", "other digits": "+٤١٥٥٥٥٠١٢٣",
	} {
		_, err := verify.ParseNumber(s)
		if refused(t, err, verify.CodeInvalidPhone).Field != "phone_number" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheCountryOfANumber(t *testing.T) {
	for number, country := range map[string]string{
		"+14155550123": "US", "+16135550123": "CA", "+491711234567": "DE", "+447400123456": "GB", "+77011234567": "KZ", "+80012345678": "001", "": "",
	} {
		if got := verify.StoredNumber(number).Country(); got != country {
			t.Errorf("%s is of %q, want %q", number, got, country)
		}
	}
}

// Of every kind of number in every country the country is the one that the whole parser
// finds, and of what is no number there is none.
func TestTheCountryOfEveryNumber(t *testing.T) {
	seen := 0
	check := func(example *phonenumbers.PhoneNumber) {
		if example == nil {
			return
		}
		e164 := phonenumbers.Format(example, phonenumbers.E164)
		p, err := phonenumbers.Parse(e164, "ZZ")
		if err != nil {
			return
		}
		seen++
		n := verify.StoredNumber(e164)
		if want := phonenumbers.GetRegionCodeForNumber(p); n.Country() != want {
			t.Errorf("%s is of %q, want %q", e164, n.Country(), want)
		}
		if want := fmt.Sprint("+", p.GetCountryCode(), " "); !strings.HasPrefix(n.Mask(), want) {
			t.Errorf("%s is shown as %s", e164, n.Mask())
		}
	}
	for region := range phonenumbers.GetSupportedRegions() {
		for kind := phonenumbers.FIXED_LINE; kind <= phonenumbers.VOICEMAIL; kind++ {
			check(phonenumbers.GetExampleNumberForType(region, kind))
		}
	}
	for code := range phonenumbers.GetSupportedGlobalNetworkCallingCodes() {
		check(phonenumbers.GetExampleNumberForNonGeoEntity(code))
	}
	if seen < 1000 {
		t.Errorf("only %d numbers were seen", seen)
	}
	for _, none := range []string{"+", "+1", "+0123456", "+999123456", "+1x", "x"} {
		if got := verify.StoredNumber(none).Country(); got != "" {
			t.Errorf("%s is of %q", none, got)
		}
	}
}

func TestANumberIsNotShown(t *testing.T) {
	n := verify.StoredNumber(number)
	text, err := json.Marshal(map[string]any{"number": n})
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s %q", n, n, n, n, n), n.LogValue().String(), string(text)} {
		if strings.Contains(shown, "4155") || !strings.Contains(shown, "+1 ••• 23") {
			t.Errorf("shown as %s", shown)
		}
	}
}

func TestRefusalsAreComparedByCode(t *testing.T) {
	if _, err := verify.ParseNumber(""); errors.Is(err, verify.ErrNotFound) || !errors.Is(fmt.Errorf("reading: %w", verify.ErrNotFound), &verify.Refusal{Code: verify.CodeNotFound}) {
		t.Errorf("%v", err)
	}
}

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{number, "+491711234567", "+", "+1", "0123", "+1 415 555 0123", "++14155550123", "+٤١٥٥٥٥٠١٢٣", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := verify.ParseNumber(s)
		if err != nil {
			if strings.Contains(err.Error(), s) && len(s) > 12 {
				t.Errorf("the refusal repeats the number")
			}
			return
		}
		if n.E164() != s {
			t.Errorf("%q became %q", s, n.E164())
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v %s", n, n, n, n), s[5:]) {
			t.Errorf("printing shows the number")
		}
	})
}

func TestKnownCountry(t *testing.T) {
	for code, want := range map[string]bool{"DE": true, "US": true, "XK": true, "UK": false, "ZZ": false, "001": false, "de": false, "": false} {
		if verify.KnownCountry(code) != want {
			t.Errorf("%q is known: %t", code, !want)
		}
	}
}
