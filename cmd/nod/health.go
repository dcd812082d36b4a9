package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// health is `nod health`: it asks whether the nod on this machine lives. Whether
// it is ready is for a balancer to ask: who restarts what is not ready cuts off
// its sockets, and it comes back by itself.
func health(ctx context.Context, c config) error {
	ctx, stop := context.WithTimeout(ctx, 3*time.Second)
	defer stop()
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "localhost"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/healthz", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return errors.New("nod does not answer: is it running on NOD_ADDR?")
	}
	if err := res.Body.Close(); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("nod answers, but not as it should (%s)", res.Status)
	}
	return nil
}
