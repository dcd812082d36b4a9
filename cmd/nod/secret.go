package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"nod/storage"
	"nod/verify"
)

// secret is NOD_SECRET or, on loopback with SQLite, the one kept beside the
// database file: made at the first start, readable by its owner only.
func (c *config) secret() ([]byte, error) {
	if c.Secret != "" {
		return []byte(c.Secret), nil
	}
	path := c.sqlitePath() + ".secret"
	raw, err := os.ReadFile(path) //nolint:gosec // beside the operator's own database
	if err == nil {
		secret := strings.TrimSpace(string(raw))
		if atLeast32(secret) != nil { // a start was cut off between making the file and writing it
			return nil, fmt.Errorf("the secret in %s is cut short. Put the whole one back or, if %s is not there yet, delete the file and start again", path, c.sqlitePath())
		}
		return []byte(secret), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the secret: %w", err)
	}
	if _, err := os.Stat(c.sqlitePath()); err == nil {
		return nil, fmt.Errorf("the database %s is there, its secret %s is not. Put the secret back, or set NOD_SECRET", c.sqlitePath(), path)
	}
	secret := randomToken()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // as above
	if err != nil {
		return nil, fmt.Errorf("keeping the secret: %w", err)
	}
	_, err = f.WriteString(secret + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("keeping the secret: %w", err)
	}
	return []byte(secret), nil
}

func newAPIKey() string { return "nod_sk_" + randomToken() }

func hashAPIKey(keys *verify.Keys, key string) string { return keys.Hash("api_key", key) }

// apiKeyHashes are those that are good: of the environment when it names any,
// else of the database.
func (c *config) apiKeyHashes(ctx context.Context, store *storage.Store) ([]string, error) {
	if len(c.APIKeys) == 0 {
		return store.APIKeys(ctx)
	}
	var hashes []string
	for _, k := range c.APIKeys {
		hashes = append(hashes, hashAPIKey(store.Keys(), k))
	}
	return hashes, nil
}

// makeKey is `nod key`.
func makeKey(ctx context.Context, c config, out io.Writer, log *slog.Logger) error {
	if len(c.APIKeys) > 0 {
		return errors.New("NOD_API_KEYS is set, and only its keys are good: add one there")
	}
	store, err := openStore(ctx, c, nil, log)
	if err != nil {
		return err
	}
	key := newAPIKey()
	err = store.AddAPIKey(ctx, hashAPIKey(store.Keys(), key))
	if err := errors.Join(err, store.Close()); err != nil {
		return fmt.Errorf("making an API key: %w", err)
	}
	_, err = fmt.Fprintf(out, "%s\nIt is not kept and will not be shown again. A running nod knows it after a restart.\n", key)
	return err
}

// migrate is `nod migrate`.
func migrate(ctx context.Context, c config, out io.Writer, log *slog.Logger) error {
	if err := storage.Migrate(ctx, c.DatabaseURL, log); err != nil {
		return fmt.Errorf("migrating the database: %w", err)
	}
	_, err := fmt.Fprintln(out, "The database is up to date.")
	return err
}

func openStore(ctx context.Context, c config, notify func(verify.Change), log *slog.Logger) (*storage.Store, error) {
	secret, err := c.secret()
	if err != nil {
		return nil, err
	}
	store, err := storage.Open(ctx, storage.Config{
		URL: c.DatabaseURL, Secret: secret, PreviousSecret: []byte(c.SecretPrevious), WebhookURL: c.providers.WebhookURL, Notify: notify, Log: log,
	})
	if errors.Is(err, verify.ErrWrongSecret) {
		return nil, errors.New("NOD_SECRET does not open the keys in this database. Set the one that it was made with; to change it, name that one in NOD_SECRET_PREVIOUS")
	}
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	return store, nil
}

func randomToken() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
