package email

import (
	"errors"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"nod/verify"
)

// reply is what a relay says no with.
type reply struct {
	code     string // three digits, RFC 5321 section 4.2
	enhanced string // RFC 3463, where the relay gives one; else empty
	to       bool   // said of the recipient: to RCPT or after it
}

// String is the relay's code without its words: "550 5.1.1".
func (r reply) String() string { return strings.TrimSpace(r.code + " " + r.enhanced) }

// rule is one row of the table of replies. An empty enhanced fits every one, and
// one that ends in a dot all that begin so.
type rule struct {
	code     string // "4" fits 4xx
	enhanced string
	to       bool // holds of the recipient only
	class    verify.Class
}

// The replies, the first row that fits counts. A 550 without an enhanced code says
// that there is no mailbox, no access to it or a policy (RFC 5321 section 4.2.3):
// it proves no mailbox dead.
//
// Sources: RFC 5321 section 4.2.2, RFC 3463 section 3, RFC 4954 section 6, RFC 7505,
// RFC 7504, https://www.iana.org/assignments/smtp-enhanced-status-codes.
var rules = []rule{
	{"421", "", false, verify.ClassTransient}, // service not available, closing
	{"432", "", false, verify.ClassTransient}, // a password transition is needed (RFC 4954)
	{"450", "", false, verify.ClassTransient}, // mailbox busy, or greylisted
	{"451", "", false, verify.ClassTransient}, // local error in processing
	{"452", "", false, verify.ClassTransient}, // too little storage
	{"454", "", false, verify.ClassTransient}, // temporary authentication failure (RFC 4954)
	{"455", "", false, verify.ClassTransient}, // parameters cannot be had now
	{"4", "", false, verify.ClassTransient},   // transient, whatever it is (RFC 5321 section 4.2.1)

	{"550", "5.1.1", true, verify.ClassPermanentTarget},  // no such mailbox
	{"550", "5.1.2", true, verify.ClassPermanentTarget},  // no such domain
	{"501", "5.1.3", true, verify.ClassPermanentTarget},  // no address by its syntax
	{"553", "5.1.3", true, verify.ClassPermanentTarget},  // no address by its syntax
	{"551", "5.1.6", true, verify.ClassPermanentTarget},  // the mailbox has moved, and nobody says where
	{"556", "5.1.10", true, verify.ClassPermanentTarget}, // the domain takes no mail (RFC 7505)
	{"550", "5.1.10", true, verify.ClassPermanentTarget}, // the domain takes no mail, as some say it
	{"550", "5.2.1", true, verify.ClassPermanentTarget},  // the mailbox is disabled
	{"553", "", true, verify.ClassPermanentTarget},       // mailbox name not allowed
	{"550", "5.7.", true, verify.ClassPolicy},            // not authorized, for security or policy
	{"550", "", true, verify.ClassPolicy},                // no mailbox, no access, or a policy: not said which

	{"521", "", false, verify.ClassPolicy}, // the host takes no mail (RFC 7504)
	{"530", "", false, verify.ClassPolicy}, // authentication required (RFC 4954)
	{"534", "", false, verify.ClassPolicy}, // the mechanism is too weak (RFC 4954)
	{"535", "", false, verify.ClassPolicy}, // the credentials (RFC 4954)
	{"538", "", false, verify.ClassPolicy}, // encryption required for the mechanism
	{"550", "", false, verify.ClassPolicy}, // of the sender: a policy
	{"551", "", false, verify.ClassPolicy}, // user not local
	{"552", "", false, verify.ClassPolicy}, // more than the mailbox or the relay may hold
	{"554", "", false, verify.ClassPolicy}, // transaction failed, or no SMTP service here
	{"555", "", false, verify.ClassPolicy}, // parameters not known
	{"5", "", false, verify.ClassPolicy},   // permanent, whatever it is (RFC 5321 section 4.2.1)
}

// classOf finds the row.
func classOf(r reply) verify.Class {
	for _, row := range rules {
		if strings.HasPrefix(r.code, row.code) && (!row.to || r.to) &&
			(row.enhanced == "" || row.enhanced == r.enhanced || strings.HasSuffix(row.enhanced, ".") && strings.HasPrefix(r.enhanced, row.enhanced)) {
			return row.class
		}
	}
	return verify.ClassPolicy
}

// An enhanced code begins a reply's text, whether or not the relay said before that
// it gives them (RFC 2034 section 4). Anywhere else it is a word of the text.
var enhancedCode = regexp.MustCompile(`^([45]\.\d{1,3}\.\d{1,3})(?:\s|$)`)

func enhancedOf(text string) string {
	if found := enhancedCode.FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return ""
}

// replyOf finds the relay's no in an error of the library.
func replyOf(err error) (reply, bool) {
	if said, ok := errors.AsType[*gomail.SendError](err); ok {
		if said.ErrorCode() == 0 {
			return reply{}, false
		}
		of := said.Reason == gomail.ErrSMTPRcptTo || said.Reason == gomail.ErrSMTPData || said.Reason == gomail.ErrSMTPDataClose
		code := strconv.Itoa(said.ErrorCode())
		// The library hands the text out behind its own words and the code only, and
		// the standard library quotes it there.
		_, text, _ := strings.Cut(said.Error(), ": "+code+" ")
		if quoted, err := strconv.QuotedPrefix(text); err == nil {
			text, _ = strconv.Unquote(quoted)
		}
		return reply{code, enhancedOf(text), of}, true
	}
	if no, ok := errors.AsType[*textproto.Error](err); ok && no.Code >= 400 && no.Code <= 599 {
		return reply{strconv.Itoa(no.Code), enhancedOf(no.Msg), false}, true
	}
	return reply{}, false
}
