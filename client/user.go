package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// TrustedDevice is a browser or app in which a user was approved and asked to be
// remembered, for 30 days.
type TrustedDevice struct {
	ID         string     `json:"id"`
	ApprovedAt time.Time  `json:"approved_at"`
	ExpiresAt  time.Time  `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at"` // nil before the first time
	UserAgent  string     `json:"user_agent"`   // as the login's Context called it; empty when it did not
	Location   string     `json:"location"`     // likewise
}

// TrustedDevices lists the live ones of a user, newest approval first.
func (c *Client) TrustedDevices(ctx context.Context, userID string) ([]TrustedDevice, error) {
	var out struct {
		Devices []TrustedDevice `json:"trusted_devices"`
	}
	_, err := c.call(ctx, http.MethodGet, userPath(userID, "trusted-devices"), nil, nil, &out)
	return out.Devices, err
}

// RevokeTrustedDevice ends one: its next login is asked again. One that is not there
// is a not_found.
func (c *Client) RevokeTrustedDevice(ctx context.Context, userID, id string) error {
	_, err := c.call(ctx, http.MethodDelete, userPath(userID, "trusted-devices/"+url.PathEscape(id)), nil, nil, nil)
	return err
}

// RevokeTrustedDevices ends all of a user, if there are any: for example when the
// password was changed.
func (c *Client) RevokeTrustedDevices(ctx context.Context, userID string) error {
	_, err := c.call(ctx, http.MethodDelete, userPath(userID, "trusted-devices"), nil, nil, nil)
	return err
}

// Settings are what a user chose for all their verifications.
type Settings struct {
	ChannelPreference string `json:"channel_preference"` // auto, push, sms or both
	Locale            string `json:"locale,omitempty"`   // empty: none
}

// Settings reads what a user chose: auto and no locale when nothing.
func (c *Client) Settings(ctx context.Context, userID string) (s Settings, err error) {
	_, err = c.call(ctx, http.MethodGet, userPath(userID, "settings"), nil, nil, &s)
	return s, err
}

// SetSettings replaces what a user chose.
func (c *Client) SetSettings(ctx context.Context, userID string, s Settings) error {
	_, err := c.call(ctx, http.MethodPut, userPath(userID, "settings"), nil, s, nil)
	return err
}

// maxExport is how much of a person's data is read: years of it are some megabytes.
const maxExport = 1 << 28

// Export reads everything that is kept about a user: one JSON document, to be handed
// to the person as it is. Phone numbers and addresses in it are in full. Of a user
// who is not known it lists nothing.
func (c *Client) Export(ctx context.Context, userID string) (json.RawMessage, error) {
	req, err := c.request(ctx, http.MethodGet, userPath(userID, "export"), nil, nil)
	if err != nil {
		return nil, err
	}
	return c.do(req, maxExport, nil)
}

// Erase deletes everything that is kept about a user, for good: what is open is
// canceled, devices are revoked. It may be repeated, and is no error for a user who
// is not known.
func (c *Client) Erase(ctx context.Context, userID string) error {
	_, err := c.call(ctx, http.MethodDelete, "/api/v1/users/"+url.PathEscape(userID), nil, nil, nil)
	return err
}

// Block refuses all verifications of a user until [Client.Unlock], and cancels those
// that are open. A login that is started meanwhile is refused with blocked.
func (c *Client) Block(ctx context.Context, userID string) error {
	_, err := c.call(ctx, http.MethodPost, userPath(userID, "block"), nil, struct{}{}, nil)
	return err
}

// Unlock lifts a block, the lock that too many wrong codes brought, and the 15 minutes
// for which new logins are held back after the person said "this isn't me".
func (c *Client) Unlock(ctx context.Context, userID string) error {
	_, err := c.call(ctx, http.MethodPost, userPath(userID, "unlock"), nil, struct{}{}, nil)
	return err
}

// userPath is the path of a user's things; rest is escaped already.
func userPath(userID, rest string) string {
	return "/api/v1/users/" + url.PathEscape(userID) + "/" + rest
}
