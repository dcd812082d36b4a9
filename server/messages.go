package server

import (
	"embed"
	"encoding/json"
	"sync"

	"golang.org/x/text/language"

	"nod/delivery"
	"nod/verify"
)

// The keys of the messages that the contract names (section 4); a page may have
// words of its own for them.
const (
	messageSent    = "code.sent"
	messageAnother = "resend.another"
	messageFinal   = "resend.final"
	messageMax     = "resend.max"
	messageLocked  = "refused.locked"
)

// refusalMessages are the keys of the refusals that a person meets, by code. The texts
// name no rule: whoever tries them out is not to learn which one it was.
var refusalMessages = map[string]string{
	verify.CodeMaxResends:  messageMax,
	verify.CodeLocked:      messageLocked,
	verify.CodeRateLimited: "refused.limited",
	verify.CodeBlocked:     "refused.blocked",
}

// inApp is what follows a key where no code was sent but another request to the app.
const inApp = ".app"

// languages are those of the embedded texts, the same as of the messages that
// package delivery sends.
var languages = delivery.Languages()

//go:embed texts/*.json
var textFiles embed.FS

// texts is what a status body says, by language and then by key.
type texts struct {
	nearest delivery.Nearest
	words   []map[string]string // as languages
}

// spoken reads the embedded texts, once.
var spoken = sync.OnceValue(func() *texts {
	t := &texts{}
	var tags []language.Tag
	for _, name := range languages {
		file, err := textFiles.ReadFile("texts/" + name + ".json")
		if err != nil {
			panic(err) // and below: no test would have let it out
		}
		words := map[string]string{}
		if err := json.Unmarshal(file, &words); err != nil {
			panic(err)
		}
		tags, t.words = append(tags, language.MustParse(name)), append(t.words, words)
	}
	t.nearest = delivery.NewNearest(tags)
	return t
})

// say is the text of a key for a locale such as "de-AT": that of the nearest
// language, English when none is near.
func say(locale, key string) string {
	t := spoken()
	return t.words[t.nearest.Index(locale)][key]
}

// spokenOf says which message belongs to a pending verification: why no code can be
// typed, and else which belongs to the last send.
func spokenOf(v *verify.Verification, p *verify.Policy) (key, text string) {
	if v.Stage == verify.Locked {
		return messageLocked, say(v.Locale, messageLocked)
	}
	return sent(v, p)
}

// sent says which message belongs to the last send, if one does: the first
// request to the app needs none, and a code that certainly did not leave is not
// said to have been sent.
func sent(v *verify.Verification, p *verify.Policy) (key, text string) {
	app, codes, last := v.LastChannel.App(), 0, false
	for i := range v.Deliveries {
		if d := &v.Deliveries[i]; !d.Channel.App() {
			if last = d.OnItsWay() || d.MayHaveLeft(); last {
				codes++
			}
		}
	}
	switch {
	case app && v.ResendCount == 0, !app && codes == 0:
		return "", ""
	case !app && codes == 1:
		key = messageSent
	case v.ResendCount >= p.Resends && (app || last):
		key = messageFinal
	default:
		key = messageAnother
	}
	if app {
		return key, say(v.Locale, key+inApp)
	}
	return key, say(v.Locale, key)
}
