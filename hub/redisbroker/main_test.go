package redisbroker_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"nod/deploy/throwaway"
)

// secure is the server that speaks TLS. It starts before anything else, because
// Go reads once whom to trust.
var (
	secure    *throwaway.Redis
	errSecure error
)

func TestMain(m *testing.M) {
	var authority string
	secure, authority, errSecure = throwaway.StartRedisTLS()
	if errSecure == nil {
		if err := os.Setenv("SSL_CERT_FILE", authority); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	code := m.Run()
	if errSecure == nil {
		secure.Close()
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
