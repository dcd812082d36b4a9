package providers

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
)

// What the servers of push have in common: a push lies in plain text at its
// provider, and for a while on the phone's lock screen.

// maxPush is the largest payload in bytes: of FCM, of APNs and, sealed, of RFC 8030
// section 7.2.
const maxPush = 4096

// longestLife is the longest that a request to a phone may wait at a provider, in
// seconds. Left out it is 28 days with FCM.
const longestLife = 600

var (
	anID      = regexp.MustCompile(`^[a-z]{3}_[0-9a-f]{32}$`)
	longWord  = regexp.MustCompile(`[A-Za-z0-9_-]{20,}`)
	tellsCode = regexp.MustCompile(`(^|[^0-9A-Za-z])\+?[0-9]([ .-]?[0-9]){3,14}($|[^0-9A-Za-z])`)
)

// judgeData says what is wrong with what a push carries for the app. Only the kind
// of message, ids and a JWE may pass a provider: no context, no code, no number.
func judgeData(data map[string]string) error {
	kind := data["type"]
	if kind == "" || data["verification_id"] == "" {
		return errors.New("a push names its type and the request that it is about")
	}
	for name, value := range data {
		switch {
		case name == "type":
			if value != "prompt" && value != "prompt_closed" {
				return errors.New("the type of a push is prompt or prompt_closed")
			}
		case name == "jwe" && kind == "prompt":
			if _, err := jose.ParseEncryptedCompact(value, []jose.KeyAlgorithm{jose.ECDH_ES}, []jose.ContentEncryption{jose.A256GCM}); err != nil {
				return errors.New("a sealed request is a compact JWE, ECDH-ES with A256GCM")
			}
		case !anID.MatchString(value):
			return fmt.Errorf("%s holds no id: it could be read on the way", name)
		}
	}
	return nil
}

// Sealed makes what may pass: text as a compact JWE, for a key that nobody has.
func Sealed(text string) string {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // never fails with crypto/rand
	sealer, _ := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.ECDH_ES, Key: key.Public()}, nil)
	sealed, _ := sealer.Encrypt([]byte(text)) // neither fails with a key of P-256
	jwe, _ := sealed.CompactSerialize()       // never fails for one recipient
	return jwe
}

// judgeWords says what is wrong with words that are shown before anybody proved to
// be the phone's owner.
func judgeWords(words ...string) error {
	for _, w := range words {
		if w == "" || utf8.RuneCountInString(w) > 200 {
			return errors.New("a notification has a title and a text of at most 200 characters")
		}
		if tellsCode.MatchString(w) {
			return errors.New("a notification shows a code or a number")
		}
	}
	return nil
}

// judgeSecrets looks for a code or a phone number in all strings and numbers of
// JSON, but for the members that are named.
func judgeSecrets(text []byte, but ...string) error {
	skip := map[string]bool{}
	for _, name := range but {
		skip[name] = true
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var all any
	if err := decoder.Decode(&all); err != nil {
		return errors.New("the payload is not JSON")
	}
	var look func(any) error
	look = func(value any) error {
		switch v := value.(type) {
		case map[string]any:
			for name, member := range v {
				if skip[name] {
					continue
				}
				if err := errors.Join(look(name), look(member)); err != nil {
					return err
				}
			}
		case []any:
			for _, member := range v {
				if err := look(member); err != nil {
					return err
				}
			}
		case json.Number:
			return look(v.String())
		case string:
			if tellsCode.MatchString(longWord.ReplaceAllString(v, "")) {
				return errors.New("the payload holds a code or a number")
			}
		}
		return nil
	}
	return look(all)
}

// strictly reads one JSON value that has no members but those of into.
func strictly(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return errors.New("more than one JSON value")
	}
	return nil
}

// apnsAps is the part of a payload that Apple reads.
// https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification
type apnsAps struct {
	Alert *struct {
		Title string `json:"title"`
		Body  string `json:"body"`
	} `json:"alert"`
	Sound            string `json:"sound"`
	Category         string `json:"category"`
	MutableContent   int    `json:"mutable-content"`
	ContentAvailable int    `json:"content-available"`
}

// judgeAps says what is wrong with how a push to an iPhone is to be shown.
func judgeAps(text json.RawMessage, pushType, priority string) error {
	var aps apnsAps
	if err := strictly(text, &aps); err != nil {
		return fmt.Errorf("the aps dictionary: %w", err)
	}
	switch pushType {
	case "alert":
		if aps.Alert == nil || aps.MutableContent != 1 || priority != "10" {
			return errors.New("an alert has words, mutable-content 1 and priority 10")
		}
		return judgeWords(aps.Alert.Title, aps.Alert.Body)
	case "background":
		if aps.Alert != nil || aps.Sound != "" || aps.ContentAvailable != 1 || priority != "5" {
			return errors.New("a background push shows nothing, has content-available 1 and priority 5")
		}
		return nil
	}
	return errors.New("the push type is alert or background")
}
