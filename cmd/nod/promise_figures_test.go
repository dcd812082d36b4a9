package main

import (
	"bufio"
	"context"
	"net/http"
	"strconv"
	"strings"
)

// figuresOf reads a node's /metrics, summed over labels.
func figuresOf(ctx context.Context, url string) (map[string]float64, error) {
	ctx, stop := context.WithTimeout(ctx, deadline)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	out := map[string]float64{}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if i := strings.LastIndexByte(lines.Text(), '}'); i > 0 {
			name, value = name[:strings.IndexByte(name, '{')], strings.TrimSpace(lines.Text()[i+1:])
		}
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			out[name] += n
		}
	}
	return out, lines.Err()
}

func (p *program) figure(name string) float64 {
	p.t.Helper()
	all, err := figuresOf(p.t.Context(), p.url)
	if err != nil {
		p.t.Fatal(err)
	}
	return all[name]
}
