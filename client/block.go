package client

import (
	"context"
	"net/http"
	"time"
)

// What can be blocked.
const (
	BlockNumber  = "number"  // E.164, or as people write it with its country code
	BlockPrefix  = "prefix"  // + and the first 2 to 8 digits of numbers
	BlockCountry = "country" // ISO 3166-1 alpha-2
	BlockUser    = "user"    // as [Client.Block]
)

// Block is what was blocked, without a number that could be called.
type Block struct {
	ID    string    `json:"id"` // empty for a user
	Kind  string    `json:"kind"`
	Label string    `json:"label"` // a masked number, a prefix, a country's code or a user's id
	At    time.Time `json:"at"`
	By    string    `json:"by"` // whose call it was, by digits that stand for the API key; empty for a user
}

// AddBlock has no code sent to a number, to all numbers that begin alike or to a
// country, until [Client.LiftBlock]; who has an app is asked there. What is blocked
// already stays as it is.
func (c *Client) AddBlock(ctx context.Context, kind, value string) (b Block, err error) {
	_, err = c.call(ctx, http.MethodPost, "/api/v1/blocks", nil, blocked{kind, value}, &b)
	return b, err
}

// LiftBlock takes a block back, of a prefix also the one that codes brought which
// nobody proved. What is not blocked is a not_found.
func (c *Client) LiftBlock(ctx context.Context, kind, value string) error {
	_, err := c.call(ctx, http.MethodPost, "/api/v1/blocks/lift", nil, blocked{kind, value}, nil)
	return err
}

// Blocks lists what is blocked, the newest first and at most 1000.
func (c *Client) Blocks(ctx context.Context) ([]Block, error) {
	var out struct {
		Blocks []Block `json:"blocks"`
	}
	_, err := c.call(ctx, http.MethodGet, "/api/v1/blocks", nil, nil, &out)
	return out.Blocks, err
}

type blocked struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
}
