package providers

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// The characters of GSM 03.38 (3GPP TS 23.038, sections 6.2.1 and 6.2.1.1): the
// basic ones take one septet, the extension's two.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡" +
		"ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtension = "\f^{}\\[~]|€"
)

// judgeSegment checks that a text goes as one SMS: 160 septets of GSM 03.38, or 70
// UTF-16 units when it has any other character.
func judgeSegment(text string) error {
	septets := 0
	for _, r := range text {
		switch {
		case strings.ContainsRune(gsmBasic, r):
			septets++
		case strings.ContainsRune(gsmExtension, r):
			septets += 2
		default:
			if units := len(utf16.Encode([]rune(text))); units > 70 {
				return fmt.Errorf("%d UCS-2 units are more than one segment (70)", units)
			}
			return nil
		}
	}
	if septets > 160 {
		return fmt.Errorf("%d septets are more than one segment (160)", septets)
	}
	return nil
}
