package verify

import (
	"log/slog"
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Number is a phone number in E.164. Printing or logging it shows the mask;
// only [Number.E164] reveals it.
type Number struct{ e164 string }

// ParseNumber reads an E.164 number ("+14155550123"). It accepts no spaces, no
// national forms and no number that no plan knows: those are refused with
// invalid_phone.
func ParseNumber(s string) (Number, error) {
	bad := &Refusal{Code: CodeInvalidPhone, Field: "phone_number",
		Detail: "This is not a phone number in international form. Write + and the country code, then the number without spaces, for example +14155550123."}
	if len(s) < 8 || len(s) > 16 || s[0] != '+' || strings.Trim(s[1:], "0123456789") != "" {
		return Number{}, bad
	}
	n, err := phonenumbers.Parse(s, "ZZ")
	if err != nil || !phonenumbers.IsValidNumber(n) || phonenumbers.Format(n, phonenumbers.E164) != s {
		return Number{}, bad
	}
	return Number{s}, nil
}

// StoredNumber wraps a number that was parsed before it was stored.
func StoredNumber(e164 string) Number { return Number{e164} }

// E164 reveals the number.
func (n Number) E164() string { return n.e164 }

// IsZero reports whether there is no number.
func (n Number) IsZero() bool { return n.e164 == "" }

// Mask shows the country code and the last two digits: "+1 ••• 23".
func (n Number) Mask() string {
	if n.IsZero() {
		return ""
	}
	code := n.e164[:2]
	if p := n.parts(); p != nil {
		code = "+" + strconv.Itoa(int(p.GetCountryCode()))
	}
	return code + " ••• " + n.e164[len(n.e164)-2:]
}

// prefix is what the number begins with: all but its last four digits, at most eight.
func (n Number) prefix() string {
	if n.IsZero() {
		return ""
	}
	digits := n.e164[1:]
	return digits[:min(prefixMost, max(0, len(digits)-prefixDropped))]
}

// shown is the prefix as an operator lifts it by; empty: there is none.
func (n Number) shown() string {
	if n.prefix() == "" {
		return ""
	}
	return "+" + n.prefix()
}

// Country is the country that the number is of, ISO 3166-1 alpha-2, or the code
// that stands for numbers of none ("001"); empty when nobody knows.
func (n Number) Country() string {
	p := n.parts()
	if p == nil {
		return ""
	}
	return phonenumbers.GetRegionCodeForNumber(p)
}

// parts are the country code and the national number; nil when no country has such a
// code. A number that was parsed once needs no more than to be cut in two: to look again
// for what people write takes 6 µs, and a create asks several times.
func (n Number) parts() *phonenumbers.PhoneNumber {
	for digits := 1; digits <= countryCodeMost && 1+digits < len(n.e164); digits++ {
		code, err := strconv.Atoi(n.e164[1 : 1+digits])
		if err != nil || phonenumbers.GetRegionCodeForCountryCode(code) == phonenumbers.UNKNOWN_REGION {
			continue
		}
		national := n.e164[1+digits:]
		whole, err := strconv.ParseUint(national, 10, 64)
		if err != nil {
			return nil
		}
		p := &phonenumbers.PhoneNumber{CountryCode: new(int32(code)), NationalNumber: &whole} //nolint:gosec // of three digits
		if zeros := len(national) - len(strings.TrimLeft(national[:len(national)-1], "0")) - 1; zeros > 0 {
			p.ItalianLeadingZero, p.NumberOfLeadingZeros = new(true), new(int32(zeros)) //nolint:gosec // a few
		}
		return p
	}
	return nil
}

// countryCodeMost is how many digits a country code has at most (ITU-T E.164, section 6.2.1).
const countryCodeMost = 3

// KnownCountry reports whether a code is of a country that has numbers: ISO 3166-1
// alpha-2, in capitals.
func KnownCountry(code string) bool { return phonenumbers.GetCountryCodeForRegion(code) != 0 }

// String shows the mask.
func (n Number) String() string { return n.Mask() }

// GoString shows the mask, so that %#v is as safe as %v.
func (n Number) GoString() string { return n.Mask() }

// LogValue shows the mask.
func (n Number) LogValue() slog.Value { return slog.StringValue(n.Mask()) }

// MarshalText writes the mask: a number never leaves through an encoder.
func (n Number) MarshalText() ([]byte, error) { return []byte(n.Mask()), nil }

func itoa(n int) string { return strconv.Itoa(n) }
