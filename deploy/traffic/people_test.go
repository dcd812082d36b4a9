package traffic

import (
	"testing"

	"nod/verify"
)

func TestEverybodyHasANumberOfTheirCountry(t *testing.T) {
	seen := map[string]bool{}
	for _, who := range people(&Config{PerDay: 200, Apps: 0.5}) {
		n, err := verify.ParseNumber(who.number.E164())
		if err != nil || n.Country() != who.home.code || seen[n.E164()] {
			t.Errorf("%s of %s has %s of %q: %v", who.id, who.home.code, n, n.Country(), err)
		}
		seen[n.E164()] = true
	}
	for i := range countries {
		for _, at := range []int{nobodies, nobodies + 999} {
			if n, err := verify.ParseNumber(countries[i].numberOf(at).E164()); err != nil || n.Country() != countries[i].code {
				t.Errorf("a wrong number of %s is no number there: %v", countries[i].code, err)
			}
		}
	}
}
