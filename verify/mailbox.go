package verify

import (
	"log/slog"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mailbox is an e-mail address. Printing or logging it shows the mask; only
// [Mailbox.Address] reveals it.
type Mailbox struct{ address string }

// ParseMailbox reads a plain address ("ana@example.com"), without a name, angle
// brackets, quotes or spaces. It refuses anything else with invalid_request, as it
// does an address longer than any server must take (RFC 5321, section 4.5.3.1).
func ParseMailbox(s string) (Mailbox, error) {
	bad := &Refusal{Code: CodeInvalidRequest, Field: "email", Detail: "This is not an e-mail address. Pass a plain one, as ana@example.com, or leave it out."}
	at := strings.LastIndexByte(s, '@')
	if len(s) > 254 || at > 64 || strings.ContainsAny(s, `"<>()[]\,;: `) || strings.ContainsFunc(s, unicode.IsControl) {
		return Mailbox{}, bad
	}
	if a, err := mail.ParseAddress(s); err != nil || a.Address != s {
		return Mailbox{}, bad
	}
	return Mailbox{s}, nil
}

// StoredMailbox wraps an address that was parsed before it was stored.
func StoredMailbox(address string) Mailbox { return Mailbox{address} }

// Address reveals the address.
func (m Mailbox) Address() string { return m.address }

// IsZero reports whether there is no address.
func (m Mailbox) IsZero() bool { return m.address == "" }

// Mask shows the first letter and the domain: "a•••@example.com".
func (m Mailbox) Mask() string {
	if m.IsZero() {
		return ""
	}
	_, size := utf8.DecodeRuneInString(m.address)
	return m.address[:size] + "•••" + m.address[strings.LastIndexByte(m.address, '@'):]
}

// String shows the mask.
func (m Mailbox) String() string { return m.Mask() }

// GoString shows the mask, so that %#v is as safe as %v.
func (m Mailbox) GoString() string { return m.Mask() }

// LogValue shows the mask.
func (m Mailbox) LogValue() slog.Value { return slog.StringValue(m.Mask()) }

// MarshalText writes the mask: an address never leaves through an encoder.
func (m Mailbox) MarshalText() ([]byte, error) { return []byte(m.Mask()), nil }
