package floor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"nod/cmd/bench/load"
)

// each is how long one measurement of Machine lasts.
const each = time.Second

// Machine measures what bounds everything else: how long it takes to have 4 KB on the
// disk, a word from one socket of this machine to another and back, and an ES256
// signature (P-256, RFC 7518, 3.4) on one core. It takes about 4 s.
func Machine(ctx context.Context) (load.Result, error) {
	r := load.Result{Scenario: "machine", Against: "this machine", Load: "one after the other, each for " + each.String()}
	synced, err := syncs(ctx)
	if err != nil {
		return r, err
	}
	r.Figures = append(r.Figures, some(synced, "fdatasync")...)
	echoed, err := echoes(ctx)
	if err != nil {
		return r, err
	}
	r.Figures = append(r.Figures, some(echoed, "TCP echo on loopback")...)
	signed, verified, err := signatures(ctx)
	r.Figures = append(r.Figures,
		load.Figure{Name: "ES256 signed", Value: signed, Unit: "1/s"},
		load.Figure{Name: "ES256 verified", Value: verified, Unit: "1/s"})
	return r, err
}

// repeat calls f until it was enough, and times each call.
func repeat(ctx context.Context, f func() error) (*load.Latency, error) {
	took := load.NewLatency()
	for end := time.Now().Add(each); time.Now().Before(end); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		begun := time.Now()
		if err := f(); err != nil {
			return nil, err
		}
		took.Since(begun)
	}
	return took, nil
}

// syncs appends to a file where databases of a benchmark lie too.
func syncs(ctx context.Context) (took *load.Latency, err error) {
	f, err := os.CreateTemp("", "nod-bench-sync-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	page := make([]byte, 4096)
	return repeat(ctx, func() error {
		if _, err := f.Write(page); err != nil {
			return err
		}
		return datasync(f)
	})
}

func echoes(ctx context.Context) (took *load.Latency, err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.Copy(onlyWriter{c}, c) // until the other side closes
		_ = c.Close()
	}()
	defer func() {
		_ = l.Close()
		<-done
	}()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	word := make([]byte, 64)
	return repeat(ctx, func() error {
		if _, err := c.Write(word); err != nil {
			return err
		}
		_, err := io.ReadFull(c, word)
		return err
	})
}

// onlyWriter hides that a connection can splice, which no server of messages does.
type onlyWriter struct{ io.Writer }

func signatures(ctx context.Context) (signed, verified float64, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return 0, 0, err
	}
	text := make([]byte, 500)
	var signature []byte
	made, err := repeat(ctx, func() (err error) {
		hash := sha256.Sum256(text)
		signature, err = ecdsa.SignASN1(rand.Reader, key, hash[:])
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	checked, err := repeat(ctx, func() error {
		hash := sha256.Sum256(text)
		if !ecdsa.VerifyASN1(&key.PublicKey, hash[:], signature) {
			return errors.New("a signature that was just made is not one")
		}
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	return float64(made.Count()) / each.Seconds(), float64(checked.Count()) / each.Seconds(), nil
}
