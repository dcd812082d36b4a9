package server

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"nod/verify"
)

// Every language has words of its own for every key, and nothing else.
func TestEveryLanguageSaysEverything(t *testing.T) {
	files, err := fs.Glob(textFiles, "texts/*.json")
	if err != nil || len(files) != len(languages) {
		t.Errorf("%d files of texts, %d languages: %v", len(files), len(languages), err)
	}
	english := spoken().words[0]
	for i, name := range languages {
		words := spoken().words[i]
		if got, want := slices.Sorted(maps.Keys(words)), slices.Sorted(maps.Keys(english)); !slices.Equal(got, want) {
			t.Errorf("%s has %v, English has %v", name, got, want)
		}
		seen := map[string]string{}
		for key, text := range words {
			if strings.TrimSpace(text) != text || text == "" || i > 0 && text == english[key] {
				t.Errorf("%s: %s says %q", name, key, text)
			}
			if other, twice := seen[text]; twice {
				t.Errorf("%s: %s and %s say the same", name, key, other)
			}
			seen[text] = key
		}
	}
}

func TestTheNearestLanguageSpeaks(t *testing.T) {
	for locale, want := range map[string]string{
		"": "en", "en-GB": "en", "tlh": "en", "sv": "en", "none at all": "en", "de-AT": "de", "de_CH": "de", "es-419": "es", "fr-CA": "fr",
		"pt": "pt-BR", "pt-AO": "pt-PT", "pt-PT": "pt-PT", "zh": "zh-Hans", "zh-CN": "zh-Hans", "zh-TW": "zh-Hant", "zh-HK": "zh-Hant", "ar-EG": "ar", "hi": "hi",
	} {
		if got, words := say(locale, messageSent), spoken().words[slices.Index(languages, want)][messageSent]; got != words {
			t.Errorf("%q says %q, want %q (%s)", locale, got, words, want)
		}
	}
}

// What a person reads in a status body is in their language, whatever it is about.
func TestABodySpeaksItsLocale(t *testing.T) {
	b := newBody(t, verify.Request{Purpose: verify.Phone, Number: aNumber, Locale: "zh-TW"})
	b.policy.Support = "Call us: 0800 123"
	b.send(taken)
	for _, key := range []string{messageSent, messageAnother, messageAnother, messageFinal} {
		if got := b.seen(viewEvent); got["message_key"] != key || got["message"] != say("zh-Hant", key) {
			t.Errorf("%v: %v, want %s", got["message_key"], got["message"], key)
		}
		if key != messageFinal {
			b.now = b.v.CooldownEndsAt(&b.policy)
			if err := b.v.Resend("", &b.policy, b.now); err != nil {
				t.Fatal(err)
			}
			b.send(taken)
		}
	}
	s := statusOf(b.v, b.keys, &b.policy, b.now, viewEvent)
	var labels []string
	for _, a := range s.Alternatives {
		labels = append(labels, a.Label)
	}
	want := []string{say("zh-Hant", "way.change_phone"), say("zh-Hant", "way.voice"), "Call us: 0800 123"} // the operator's own words
	if !slices.Equal(labels, want) || *s.AlternativeMessage != say("zh-Hant", "stuck.number") {
		t.Errorf("labels %v, message %s", labels, *s.AlternativeMessage)
	}
	for code, key := range map[string]string{
		verify.CodeMaxResends: messageMax, verify.CodeLocked: "refused.locked", verify.CodeRateLimited: "refused.limited", verify.CodeBlocked: "refused.blocked",
	} {
		if p := problemOf(toPerson(&verify.Refusal{Code: code}, b.v.Locale, b.now)); p.MessageKey != key || p.Message == "" || p.Message != say("zh-Hant", key) {
			t.Errorf("%s: %s: %s", code, p.MessageKey, p.Message)
		}
	}
}
