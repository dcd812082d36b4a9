package throwaway_test

import (
	"strings"
	"testing"

	"nod/deploy/throwaway"
)

func TestRedisTLS(t *testing.T) {
	r, authority, err := throwaway.StartRedisTLS()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if authority == "" || !strings.HasPrefix(r.URL, "rediss://") {
		t.Errorf("%q, trusted by %q", r.URL, authority)
	}
	if _, err := r.Do("PING"); err == nil {
		t.Error("it answers without TLS")
	}
}

func TestSentinel(t *testing.T) {
	s, err := throwaway.StartSentinel()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Replica.Do("SET", "a", "1"); err == nil {
		t.Error("the replica can be written to")
	}
}

func TestCluster(t *testing.T) {
	c, err := throwaway.StartCluster()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	taken := 0
	for _, n := range c.Nodes {
		if _, err := n.Do("SET", "a", "1"); err == nil {
			taken++
		}
	}
	if taken != 1 {
		t.Errorf("%d nodes hold one key", taken)
	}
}
