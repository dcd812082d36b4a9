package hub_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"nod/hub"
)

// Every way a connection can end is explained to who builds a client.
func TestProtocolExplainsEveryEnding(t *testing.T) {
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []int{
		hub.CloseGoingAway, hub.CloseInvalidText, hub.CloseTooBig, hub.CloseTryLater, hub.CloseBadMessage, hub.CloseUnauthenticated,
		hub.CloseForbidden, hub.CloseAuthTimeout, hub.CloseReplaced, hub.CloseTooFast,
	} {
		if !strings.Contains(string(text), fmt.Sprintf("\n| %d | ", code)) {
			t.Errorf("close code %d is not explained", code)
		}
	}
	for _, reason := range []string{
		hub.ByeDraining, hub.ByeReplaced, hub.ByeRevoked, hub.ByeSlowConsumer, hub.ByeUnauthenticated, hub.ByeTooFast, hub.ByeIdle,
	} {
		if !strings.Contains(string(text), " | `"+reason+"` | ") {
			t.Errorf("bye %s is not explained", reason)
		}
	}
}
