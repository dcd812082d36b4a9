package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"nod/deploy/throwaway"
	"nod/hub"
	"nod/server"
	"nod/storage"
	"nod/verify"
)

// statusRows is how many verifications are asked for in turn.
const statusRows = 1000

// statusReads compares GET /api/v1/verifications/{id} as it is, which asks the
// database each time, with what a cache of it could win: the same server with the
// row in its memory, which no cache can beat, and with the row got from Redis, where
// a cache that several nodes share would have it. What a cache costs when something
// changes is in neither.
func (b *bench) statusReads(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "nod-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	postgres, err := startPostgres()
	if err != nil {
		return err
	}
	defer postgres.Close()
	server, err := throwaway.StartRedis()
	if err != nil {
		return err
	}
	defer server.Close()
	options, err := redis.ParseURL(server.URL)
	if err != nil {
		return err
	}
	beside := redis.NewClient(options)
	defer func() { _ = beside.Close() }()
	for _, on := range []struct{ name, url string }{{"SQLite", "sqlite:" + filepath.Join(dir, "nod.db")}, {"Postgres", postgres.URL}} {
		if err := b.statusOn(ctx, on.name, on.url, beside); err != nil {
			return fmt.Errorf("%s: %w", on.name, err)
		}
	}
	return nil
}

// statusOn measures them on one database: in turn, so that what the machine does
// beside it meets each.
func (b *bench) statusOn(ctx context.Context, name, url string, beside *redis.Client) (err error) {
	store, err := storage.Open(ctx, storage.Config{URL: url, Secret: []byte(benchSecret), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := during(0, 16, func(int) error {
		if created.Load() >= statusRows {
			return errDone
		}
		return create(ctx, store)
	}); err != nil {
		return err
	}
	created.Store(0)
	rows, err := store.Recent(ctx, statusRows)
	if err != nil {
		return err
	}
	kept := remembered{Store: store, rows: map[string]*verify.Verification{}}
	for _, r := range rows {
		v, _, err := store.Verification(ctx, r.ID)
		if err != nil {
			return err
		}
		row, err := json.Marshal(v)
		if err == nil {
			err = beside.Set(ctx, v.ID, row, 0).Err()
		}
		if err != nil {
			return err
		}
		kept.rows[v.ID] = v
	}
	for _, callers := range []int{1, 16, 256} {
		for _, from := range []struct {
			name string
			of   server.Store
		}{{name, store}, {"memory", kept}, {"Redis", fetched{kept, beside}}} {
			took, err := readStatus(ctx, from.of, store.Keys(), rows, callers, b.load*3/10)
			if err != nil {
				return err
			}
			row("status reads", fmt.Sprintf("%6.0f a second, p50 %.2f ms, p99 %.2f ms", float64(len(took))/(b.load*3/10).Seconds(), ms(took, 50), ms(took, 99)),
				fmt.Sprintf("from %s, %d callers, beside %s", from.name, callers, name))
		}
	}
	return nil
}

// remembered is a store that has some verifications in memory and asks nobody.
type remembered struct {
	*storage.Store
	rows map[string]*verify.Verification
}

// Verification returns what is remembered.
func (r remembered) Verification(_ context.Context, id string) (*verify.Verification, time.Time, error) {
	v := *r.rows[id]
	return &v, time.Now(), nil
}

// fetched is one that has to get them from Redis. Reading what comes is left out, in
// its favour.
type fetched struct {
	remembered
	from *redis.Client
}

// Verification returns what is remembered once Redis has sent it.
func (f fetched) Verification(ctx context.Context, id string) (*verify.Verification, time.Time, error) {
	if err := f.from.Get(ctx, id).Err(); err != nil {
		return nil, time.Time{}, err
	}
	return f.remembered.Verification(ctx, id)
}

// readStatus has callers ask a server for the status of verifications for a while,
// and returns how long each answer took, sorted.
func readStatus(ctx context.Context, store server.Store, keys *verify.Keys, rows []*verify.Verification, callers int, d time.Duration) ([]time.Duration, error) {
	policy := verify.DefaultPolicy()
	quiet := slog.New(slog.DiscardHandler)
	center, err := hub.New(hub.Config{
		Authenticate: func(context.Context, hub.Auth) (hub.Identity, hub.Client, error) {
			return hub.Identity{}, nil, errors.New("nobody connects")
		},
		Refuse: server.Refuse, Log: quiet,
	})
	if err != nil {
		return nil, err
	}
	front, err := server.New(server.Config{
		Authority: verify.NewAuthority(keys, "http://127.0.0.1"), Policy: &policy, Store: store, Hub: center,
		APIKeys: []string{keys.Hash("api_key", benchKey)}, Log: quiet,
	})
	if err != nil {
		return nil, err
	}
	at := httptest.NewServer(front.Handler())
	defer at.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}}
	defer client.CloseIdleConnections()
	took := make([][]time.Duration, callers)
	err = during(d, callers, func(caller int) error {
		id := rows[(caller*statusRows/callers+len(took[caller]))%len(rows)].ID
		begun := time.Now()
		err := getStatus(ctx, client, at.URL+"/api/v1/verifications/"+id)
		took[caller] = append(took[caller], time.Since(begun))
		return err
	})
	all := slices.Concat(took...)
	slices.Sort(all)
	return all, err
}

func getStatus(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+benchKey)
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	if err = errors.Join(err, res.Body.Close()); err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	return err
}
