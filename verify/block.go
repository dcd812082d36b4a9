package verify

import (
	"strings"
	"time"
)

// The kinds of blocks.
const (
	BlockNumber  = "number"
	BlockPrefix  = "prefix"  // of numbers
	BlockCountry = "country" // of numbers
	BlockUser    = "user"    // listed among the others; kept as a [Hold]
)

// A prefix that can be blocked has this many digits, the country code among them.
const (
	BlockDigitsLeast = 2
	BlockDigitsMost  = 8
)

// Block is an operator's word that no code goes to a number, to all that begin alike, or
// to a country.
type Block struct {
	ID    string // blk_…; empty for a user
	Kind  string
	Key   string // see [Keys.BlockKey]
	Label string // what an operator knows it by: a masked number, "+" and the digits of a prefix, a country's code, a user's id
	At    time.Time
	By    string // who made it; empty for a user, of whom the audit trail tells it
}

// BlockKey is what stands for the value of a block where it must be found again: of a
// number (E.164) and of a prefix ("+" and its digits) a keyed hash, and a country's code
// (ISO 3166-1 alpha-2) or a user's id as it is.
func (k *Keys) BlockKey(kind, value string) string {
	switch kind {
	case BlockNumber:
		return k.hash("block number", value)
	case BlockPrefix:
		return k.hash("prefix", strings.TrimPrefix(value, "+")) // a prefix's meter has the same
	}
	return value
}

// BlockKeys are the kinds and keys of every block that a number can meet: its own, of
// each of its prefixes, and its country's. A zero number meets none.
func (k *Keys) BlockKeys(n Number) []Block {
	if n.IsZero() {
		return nil
	}
	all := []Block{{Kind: BlockNumber, Key: k.BlockKey(BlockNumber, n.e164)}}
	for digits := BlockDigitsLeast; digits <= BlockDigitsMost && digits < len(n.e164); digits++ {
		all = append(all, Block{Kind: BlockPrefix, Key: k.BlockKey(BlockPrefix, n.e164[:1+digits])})
	}
	if country := n.Country(); country != "" {
		all = append(all, Block{Kind: BlockCountry, Key: country})
	}
	return all
}

// Today is what a deployment counts of all its users.
type Today struct {
	WrongCodes int   // in the last 24 hours, by whole hours
	Spent      int64 // today (UTC), micro-units of the currency of the prices
}
