package main

import (
	"testing"

	"nod/deploy/throwaway"
)

// A sign-in across two nodes over each kind of Redis that a URL can name; what the
// page hears came that way, and not by the repair read alone.
func TestKindsOfRedis(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T) (url, setting string, err error){
		"TLS": func(t *testing.T) (string, string, error) {
			r, authority, err := throwaway.StartRedisTLS()
			if err != nil {
				return "", "", err
			}
			t.Cleanup(r.Close)
			return r.URL, "SSL_CERT_FILE=" + authority, nil
		},
		"Sentinel": func(t *testing.T) (string, string, error) {
			s, err := throwaway.StartSentinel()
			if err != nil {
				return "", "", err
			}
			t.Cleanup(s.Close)
			return s.URL, "", nil
		},
		"Cluster": func(t *testing.T) (string, string, error) {
			c, err := throwaway.StartCluster()
			if err != nil {
				return "", "", err
			}
			t.Cleanup(c.Close)
			return c.URL, "", nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis, setting, err := start(t)
			if err != nil {
				t.Fatal(err)
			}
			c := newCluster(t, setup{redis: redis, settings: []string{setting}})
			a, b := c.nodes[0], c.nodes[1]
			figure := func(p *program, name string) float64 {
				all, err := figuresOf(t.Context(), p.url)
				if err != nil {
					t.Fatal(err)
				}
				return all[name]
			}
			eventually(t, "both nodes hear themselves through Redis", func() bool {
				return figure(a, "nod_redis_alive") == 1 && figure(b, "nod_redis_alive") == 1
			})
			phone := c.enroll("u1", nil)
			device := phone.at(b.door).connect()
			device.next("prompts")
			v := a.ask("u1", nil)
			page := a.watch(v, nil)
			device.send("respond", phone.answer(device.next("prompt"), "approve", v.str("match_number")))
			if got := page.next("result"); got.str("status") != "approved" {
				t.Errorf("the page is told %v", got)
			}
			if figure(a, "nod_redis_received_total") == 0 {
				t.Error("the page's node heard nothing through Redis")
			}
		})
	}
}
