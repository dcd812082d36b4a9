package providers

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// The headers that a mail has once, and the rest that a mail of a program to a
// person may have. Another one may have been slipped in.
var mailHeaders = map[string]bool{
	"From": true, "To": true, "Subject": true, "Date": true, "Message-Id": true, "Auto-Submitted": true, "Mime-Version": true,
	"Content-Type": true, "Content-Transfer-Encoding": true, "Content-Language": false,
}

var messageID = regexp.MustCompile(`^<[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+>$`)

// judgeMail says what is wrong with a mail, else what it says.
func judgeMail(text, from, to string) (Accepted, error) {
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		return Accepted{}, errors.New("no mail of RFC 5322")
	}
	if err := judgeHeader(m.Header, from, to); err != nil {
		return Accepted{}, err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return Accepted{}, errors.New("the Subject is not of RFC 2047")
	}
	body, err := mailBody(m)
	if err != nil || !utf8.Valid(body) || len(bytes.TrimSpace(body)) == 0 {
		return Accepted{}, errors.New("the text is empty or not encoded as it says")
	}
	return Accepted{
		Provider: "smtp", To: to, ID: strings.Trim(m.Header.Get("Message-Id"), "<>"),
		Text:   strings.TrimRight(strings.ReplaceAll(string(body), "\r\n", "\n"), "\n"),
		Fields: map[string]string{"subject": subject, "from": m.Header.Get("From"), "language": m.Header.Get("Content-Language")},
	}, nil
}

func judgeHeader(h mail.Header, from, to string) error {
	for name, values := range h {
		if _, may := mailHeaders[name]; !may || len(values) != 1 {
			return fmt.Errorf("%d headers %s", len(values), name)
		}
	}
	for name, must := range mailHeaders {
		if must && h.Get(name) == "" {
			return fmt.Errorf("no header %s", name)
		}
	}
	for name, want := range map[string]string{"From": from, "To": to} {
		if got, err := mail.ParseAddress(h.Get(name)); err != nil || got.Address != want {
			return fmt.Errorf("the %s of the header is not the envelope's", name)
		}
	}
	if at, err := h.Date(); err != nil || time.Since(at).Abs() > 5*time.Minute {
		return errors.New("the Date is not now")
	}
	kind, parameters, err := mime.ParseMediaType(h.Get("Content-Type"))
	switch {
	case !messageID.MatchString(h.Get("Message-Id")):
		return errors.New("the Message-ID has not the form of one")
	case h.Get("Auto-Submitted") != "auto-generated":
		return errors.New("the mail does not say that it is auto-generated")
	case err != nil || kind != "text/plain" || !strings.EqualFold(parameters["charset"], "UTF-8"):
		return errors.New("not plain text in UTF-8")
	}
	return nil
}

func mailBody(m *mail.Message) ([]byte, error) {
	switch strings.ToLower(m.Header.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		return io.ReadAll(quotedprintable.NewReader(m.Body))
	case "base64":
		return io.ReadAll(base64.NewDecoder(base64.StdEncoding, m.Body))
	case "7bit", "8bit":
		return io.ReadAll(m.Body)
	}
	return nil, errors.New("another encoding")
}
