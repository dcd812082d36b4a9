package server

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"nod/verify"
)

const (
	blocksShown    = 1000   // in one answer
	blocksSearched = 10_000 // for one of them
)

// Block is what an operator refuses, without what a stranger could call.
type Block struct {
	ID    string `json:"id,omitempty" doc:"Absent for a user."`
	Kind  string `json:"kind" enum:"number,prefix,country,user"`
	Label string `json:"label" doc:"A masked number, a prefix, a country's code or a user_id."`
	At    string `json:"at" format:"date-time"`
	By    string `json:"by,omitempty" doc:"Whose call: console or key, with 8 hex digits that stand for the API key. Absent for a user: see what operators did lately."`
}

func blockBody(b verify.Block) Block {
	return Block{ID: b.ID, Kind: b.Kind, Label: b.Label, At: verify.FormatTime(b.At), By: b.By}
}

// blocksAnswer lists blocks.
type blocksAnswer struct {
	Body struct {
		Blocks []Block `json:"blocks" nullable:"false" doc:"The newest 1000, newest first."`
	}
}

// blocks lists what operators refuse.
func (s *Server) blocks(ctx context.Context, _ *struct{}) (*blocksAnswer, error) {
	found, err := s.store.Blocks(ctx, blocksShown)
	if err != nil {
		return nil, err
	}
	out := &blocksAnswer{}
	out.Body.Blocks = make([]Block, len(found))
	for i, b := range found {
		out.Body.Blocks[i] = blockBody(b)
	}
	return out, nil
}

// blockInput names what an operator refuses.
type blockInput struct {
	Body struct {
		Kind  string `json:"kind" enum:"number,prefix,country,user"`
		Value string `json:"value" minLength:"1" maxLength:"128" doc:"A phone number (as people write it, with its country code), + and 2 to 8 digits of a prefix, a country's code (ISO 3166-1 alpha-2) or a user_id."`
	}
}

// blockAnswer is a block with its HTTP status.
type blockAnswer struct {
	Status int
	Body   Block
}

// block refuses codes to a number, to all that begin alike or to a country, or every
// verification of a user. What is open goes on: its next code does not leave. To block
// twice changes nothing, so a lost answer is asked for again without an Idempotency-Key.
func (s *Server) block(ctx context.Context, in *blockInput) (*blockAnswer, error) {
	kind := in.Body.Kind
	value, label, err := blockValue(kind, in.Body.Value)
	if err != nil {
		return nil, err
	}
	if kind == verify.BlockUser {
		return s.blockPerson(ctx, value)
	}
	by := callerFrom(ctx).by()
	key := s.keys.BlockKey(kind, value)
	b, added, err := s.store.AddBlock(ctx, verify.Block{Kind: kind, Key: key, Label: label, By: by}, acted(verify.ActBlock, kind, label, by))
	if err != nil {
		return nil, err
	}
	return &blockAnswer{blockStatus(added), blockBody(b)}, nil
}

// blockPerson is [Server.blockUser] for who thinks of a user as of a number: with the
// block in the answer.
func (s *Server) blockPerson(ctx context.Context, userID string) (*blockAnswer, error) {
	var (
		added bool
		since time.Time
	)
	err := s.decide(ctx, userID, "", Once{}, nil, func(standing *verify.Standing, by string, now time.Time) []verify.Event {
		added = !standing.Blocked()
		es := standing.Block(by, now)
		since = standing.BlockedAt
		return es
	})
	if err != nil {
		return nil, err
	}
	return &blockAnswer{blockStatus(added), blockBody(verify.Block{Kind: verify.BlockUser, Label: userID, At: since})}, nil
}

// findBlock finds a block that is kept; errNoBlock when none is. They are few: each was
// made by hand.
func (s *Server) findBlock(ctx context.Context, is func(verify.Block) bool) (verify.Block, error) {
	all, err := s.store.Blocks(ctx, blocksSearched)
	if err != nil {
		return verify.Block{}, err
	}
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i], nil
	}
	return verify.Block{}, errNoBlock
}

func blockStatus(added bool) int {
	if added {
		return http.StatusCreated
	}
	return http.StatusOK
}

// liftInput names a block by what it refuses, or by its id.
type liftInput struct {
	Body struct {
		ID    string `json:"id,omitempty" maxLength:"64"`
		Kind  string `json:"kind,omitempty" enum:"number,prefix,country,user"`
		Value string `json:"value,omitempty" maxLength:"128" doc:"As in the block."`
	}
}

var errNoBlock = &verify.Refusal{Code: verify.CodeNotFound, Detail: "Nothing like this is blocked. The list of blocks says what is."}

// lift takes a block back, of a prefix also one that unproved codes brought, of a user
// also a lock that wrong codes brought.
func (s *Server) lift(ctx context.Context, in *liftInput) (*struct{}, error) {
	b := &in.Body
	by := callerFrom(ctx).by()
	switch {
	case b.ID != "" && b.Kind == "" && b.Value == "":
		found, err := s.findBlock(ctx, func(one verify.Block) bool { return one.ID == b.ID })
		if err != nil {
			return nil, err
		}
		return nil, s.unblock(ctx, found.Kind, found.Key, found.Label, by)
	case b.ID != "" || b.Kind == "" || b.Value == "":
		return nil, invalid("id", "Say which block: pass its id, or else kind and value.")
	}
	value, label, err := blockValue(b.Kind, b.Value)
	if err != nil {
		return nil, err
	}
	if b.Kind == verify.BlockUser {
		return nil, s.unblockPerson(ctx, value)
	}
	return nil, s.unblock(ctx, b.Kind, s.keys.BlockKey(b.Kind, value), label, by)
}

func (s *Server) unblock(ctx context.Context, kind, key, label, by string) error {
	there, err := s.store.RemoveBlock(ctx, kind, key, acted(verify.ActUnlock, kind, label, by))
	if err == nil && !there {
		err = errNoBlock
	}
	return err
}

// unblockPerson is [Server.unlockUser], which asks for no block, for who thinks of a user
// as of a number: where nothing is to be lifted, nothing is done and noted.
func (s *Server) unblockPerson(ctx context.Context, userID string) error {
	there := false
	err := s.decide(ctx, userID, "", Once{}, nil, func(standing *verify.Standing, by string, now time.Time) []verify.Event {
		if there = standing.Blocked() || standing.Locked(now); !there {
			return nil
		}
		return standing.Unlock(by, now)
	})
	if err == nil && !there {
		err = errNoBlock
	}
	return err
}

// acted is what the audit trail says of it: "number +1 ••• 23".
func acted(action, kind, label, by string) []verify.Event {
	return []verify.Event{{Name: verify.EventOperatorActed, Data: verify.EventData{Action: action, By: by, Detail: kind + " " + label}}}
}

// aPrefix is what the prefix of a number looks like.
var aPrefix = regexp.MustCompile(`^\+[1-9][0-9]{1,7}$`)

// blockValue reads a value of a kind, and tells what operators know it by. It never
// repeats one that it refuses.
func blockValue(kind, written string) (value, label string, err error) {
	switch kind {
	case verify.BlockNumber:
		n, err := verify.ParseNumber(asDialed(written))
		if err != nil {
			return "", "", invalid("value", "This is no phone number. Write it with + and its country code.")
		}
		return n.E164(), n.Mask(), nil
	case verify.BlockPrefix:
		if value = asDialed(written); !aPrefix.MatchString(value) {
			return "", "", invalid("value", "A prefix is + and the first 2 to 8 digits of numbers, the country code first.")
		}
	case verify.BlockCountry:
		if value = strings.ToUpper(strings.TrimSpace(written)); !verify.KnownCountry(value) {
			return "", "", invalid("value", "No numbers are known of such a country. Pass its ISO 3166-1 alpha-2 code, as DE.")
		}
	default:
		if value = written; !validUserID(value) {
			return "", "", invalid("value", errUserID.Detail)
		}
	}
	return value, value, nil
}
