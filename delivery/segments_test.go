package delivery

import (
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"
)

func TestSegments(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		n    int
		odd  rune
	}{
		"nothing":                                {"", 1, -1},
		"all of one":                             {strings.Repeat("a", 160), 1, -1},
		"one septet more":                        {strings.Repeat("a", 161), 2, -1},
		"all of two":                             {strings.Repeat("a", 306), 2, -1},
		"one more than two":                      {strings.Repeat("a", 307), 3, -1},
		"the alphabet, in 127 septets":           {gsm7 + strings.Repeat("a", 33), 1, -1},
		"the alphabet and a septet too much":     {gsm7 + strings.Repeat("a", 34), 2, -1},
		"characters of two septets":              {strings.Repeat("€", 80), 1, -1},
		"one of them too much":                   {strings.Repeat("€", 80) + "a", 2, -1},
		"two septets that do not part":           {strings.Repeat("a", 152) + "€" + strings.Repeat("a", 152), 3, -1},
		"one character outside makes it UCS-2":   {strings.Repeat("a", 69) + "ç", 1, 'ç'},
		"and 70 are all":                         {strings.Repeat("a", 70) + "ç", 2, 'ç'},
		"all of two in UCS-2":                    {strings.Repeat("ç", 134), 2, 'ç'},
		"one more than two in UCS-2":             {strings.Repeat("ç", 135), 3, 'ç'},
		"the first outside is named":             {"aßश中", 1, 'श'},
		"a character of two units":               {strings.Repeat("ç", 68) + "😀", 1, 'ç'},
		"one of two units too much":              {strings.Repeat("ç", 69) + "😀", 2, 'ç'},
		"two units that do not part":             {strings.Repeat("ç", 66) + "😀" + strings.Repeat("ç", 66), 3, 'ç'},
		"a character of no weight counts":        {strings.Repeat("a", 70) + "\x00", 2, 0},
		"a byte that is no character is written": {"\xff", 1, '\uFFFD'},
	} {
		t.Run(name, func(t *testing.T) {
			if n, odd := segments(tc.text); n != tc.n || odd != tc.odd {
				t.Errorf("%d segments, %q; want %d, %q", n, odd, tc.n, tc.odd)
			}
		})
	}
}

// FuzzSegments compares the count with one that lays the units of a text out and
// cuts them, stepping back from where a character would part.
func FuzzSegments(f *testing.F) {
	for _, text := range []string{"", gsm7 + gsm7Extension, strings.Repeat("[", 77) + "x", strings.Repeat("😀", 34), strings.Repeat("a", 152) + strings.Repeat("€", 90)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { agree(t, text) })
}

func TestSegmentsOfAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alphabet := rapid.SampledFrom([]string{gsm7, gsm7 + gsm7Extension, "a€", "aç😀", "😀", "aé€\f日本語"}).Draw(t, "alphabet")
		agree(t, rapid.StringOfN(rapid.RuneFrom([]rune(alphabet)), 0, 500, -1).Draw(t, "text"))
	})
}

func agree(t interface {
	Helper()
	Errorf(format string, args ...any)
}, text string) {
	t.Helper()
	type unit struct{ begins bool }
	var units []unit
	odd := rune(-1)
	for _, r := range text {
		if !strings.ContainsRune(gsm7+gsm7Extension, r) {
			odd = r
			break
		}
	}
	for _, r := range text {
		units = append(units, unit{true})
		if odd < 0 && strings.ContainsRune(gsm7Extension, r) || odd >= 0 && len(utf16.Encode([]rune{r})) == 2 {
			units = append(units, unit{false})
		}
	}
	one, several := 160, 153
	if odd >= 0 {
		one, several = 70, 67
	}
	want := 1
	if len(units) > one {
		for ; len(units) > several; want++ {
			cut := several
			for !units[cut].begins {
				cut--
			}
			units = units[cut:]
		}
	}
	if n, first := segments(text); n != want || first != odd {
		t.Errorf("%q: %d segments, %q; want %d, %q", text, n, first, want, odd)
	}
}
