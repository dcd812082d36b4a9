package peer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// use is what the server's process has used so far.
type use struct {
	at     time.Time
	memory float64 // bytes, resident
	cpu    float64 // seconds
}

// uses asks the server's /metrics, which speaks Prometheus's text format.
func (w *crowd) uses(ctx context.Context) (use, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.config.URL+"/metrics", nil)
	if err != nil {
		return use{}, err
	}
	res, err := w.http.Do(r)
	if err != nil {
		return use{}, err
	}
	defer func() { _ = res.Body.Close() }()
	if says := res.Header.Get("Server"); says != "" {
		w.server.Store(says)
	}
	u, err := readUse(res.Body)
	if res.StatusCode != http.StatusOK || err != nil {
		return use{}, fmt.Errorf("reading /metrics, which answers %d: %w (see cmd/bench/peer/servers)", res.StatusCode, err)
	}
	u.at = time.Now()
	return u, nil
}

func readUse(metrics io.Reader) (u use, err error) {
	lines := bufio.NewScanner(metrics)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		into := map[string]*float64{"process_resident_memory_bytes": &u.memory, "process_cpu_seconds_total": &u.cpu}[name]
		if into == nil {
			continue
		}
		if *into, err = strconv.ParseFloat(value, 64); err != nil {
			return u, err
		}
	}
	if err = lines.Err(); err == nil && (u.memory == 0 || u.cpu == 0) {
		err = errors.New("it does not say what the process uses")
	}
	return u, err
}
