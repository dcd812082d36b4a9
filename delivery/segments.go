package delivery

import (
	"strings"
	"unicode/utf16"
)

// gsm7 is the default alphabet of SMS, one septet each (3GPP TS 23.038 section
// 6.2.1), but for the escape to the extension.
const gsm7 = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡" +
	"ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"

// gsm7Extension takes two septets each, which stay together (section 6.2.1.1).
const gsm7Extension = "\f^{}\\[~]|€"

// segments counts the SMS that a text is sent as: 160 septets or 140 bytes of
// UCS-2 in one, less in each of several, whose header takes six bytes (3GPP TS
// 23.040 section 9.2.3.24.1). odd is the first character that GSM-7 lacks: it turns
// the whole text into UCS-2. -1: there is none.
func segments(text string) (n int, odd rune) {
	odd = -1
	one, several, width := 160, 153, septets
	for _, r := range text {
		if septets(r) == 0 {
			one, several, width = 70, 67, utf16.RuneLen
			odd = r
			break
		}
	}
	total, last := 0, 0 // units of the text, and of the last one of several segments
	n = 1
	for _, r := range text {
		w := width(r)
		if total += w; last+w > several {
			n, last = n+1, 0
		}
		last += w
	}
	if total <= one {
		n = 1
	}
	return n, odd
}

// septets is what a character takes in GSM-7; 0 when it is not in it.
func septets(r rune) int {
	switch {
	case strings.ContainsRune(gsm7, r):
		return 1
	case strings.ContainsRune(gsm7Extension, r):
		return 2
	}
	return 0
}
