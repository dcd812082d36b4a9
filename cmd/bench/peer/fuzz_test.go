package peer

import "testing"

// FuzzHear reads what a hostile server might say: it may be refused, but what a client
// answers to it stays within what it was sent and what it says by itself.
func FuzzHear(f *testing.F) {
	for _, said := range []string{
		`{}`, "{}\n{}", `{"id":1,"connect":{"version":"6.9.1"}}`, `{"id":2,"subscribe":{}}`, `{"id":2,"error":{"code":1}}`,
		`{"push":{"channel":"c","pub":{"data":{"number":1}}}}`, `{"push":{"channel":"c","pub":null}}`, `null`, `[]`,
		``, `0{}`, `2`, `2probe`, `40{"sid":"x"}`, `42["published",{}]`, `4217["published"]`, `430[]`, `44{"message":"no"}`, `42[]`, `451-["x"]`,
	} {
		f.Add([]byte(said))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		for _, p := range []protocol{&centrifugo{}, &socketIO{}} {
			n, err := p.hear(said, "c")
			if err == nil && len(n.answer) > 3*len(said)+64 {
				t.Errorf("%d bytes are answered with %d", len(said), len(n.answer))
			}
			for _, data := range n.data {
				if len(data) > len(said) {
					t.Errorf("%d bytes hold %d", len(said), len(data))
				}
			}
		}
	})
}
