package hub_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// BenchmarkIdleConnection starts this program again, so that the clients'
	// memory is not counted as the server's.
	if url := os.Getenv("HUB_IDLE_CLIENTS_OF"); url != "" {
		if err := holdClients(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}
