package hub

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"
)

const (
	maxFrame     = 8 << 10 // bytes of a frame from a client
	maxPace      = 100     // frames from a client in a minute
	timeFormat   = "2006-01-02T15:04:05.000Z"
	frameTimeout = 10 * time.Second // from a frame's first byte to its last
)

// Frame is one frame from a client.
type Frame struct {
	Type string
	ID   json.RawMessage // the client's own, echoed in an error; nil: none
	Data json.RawMessage // a JSON object, or nil
}

// Refusal is an error told to the client: as an error frame, a bye frame, a
// close, or all three in this order.
type Refusal struct {
	Code       string // of the error frame, for programs; empty sends none
	Message    string // for people, with the next step
	RetryAfter int    // seconds; 0 where waiting does not help
	Close      int    // WebSocket close code; 0 leaves the connection open
	Bye        string // reason told before closing; empty tells none
}

// Error is for logs; clients are told Code and Message.
func (r *Refusal) Error() string { return "refused: " + r.Code + ": " + r.Message }

var errMalformed = errors.New("not a frame")

// parseFrame reads one frame. A frame is an object with a type; its data, if
// any, is an object too. Fields that nod.v1 does not know are skipped, so that
// a later client may send more.
func parseFrame(p []byte) (Frame, error) {
	var f struct {
		Type string          `json:"type"`
		ID   json.RawMessage `json:"id"`
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(p, &f); err != nil || f.Type == "" {
		return Frame{}, errMalformed
	}
	if isNull(f.ID) {
		f.ID = nil
	}
	if isNull(f.Data) {
		f.Data = nil
	}
	if f.Data != nil && f.Data[0] != '{' {
		return Frame{}, errMalformed
	}
	return Frame{Type: f.Type, ID: f.ID, Data: f.Data}, nil
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// encode makes a frame for a client; seq 0 and an absent id are left out.
func encode(typ string, seq int64, id json.RawMessage, data any) ([]byte, error) {
	if data == nil {
		data = struct{}{}
	}
	return json.Marshal(struct {
		Type string          `json:"type"`
		Seq  int64           `json:"seq,omitempty"`
		ID   json.RawMessage `json:"id,omitempty"`
		Data any             `json:"data"`
	}{typ, seq, id, data})
}

// The data of the hub's own frames, in the order of a conversation.
type (
	challengeData struct {
		Nonce      string `json:"nonce"`
		ServerTime string `json:"server_time"`
	}
	authData struct {
		Token        string `json:"token"`
		ClientSecret string `json:"client_secret"`
		LastSeq      *int64 `json:"last_seq"`
	}
	welcomeData struct {
		Role             string `json:"role"`
		ConnectionID     string `json:"connection_id"`
		ServerTime       string `json:"server_time"`
		HeartbeatSeconds int    `json:"heartbeat_seconds"`
		Resumed          bool   `json:"resumed"`
	}
	errorData struct {
		Code       string `json:"code"`
		Message    string `json:"message"`
		RetryAfter int    `json:"retry_after,omitempty"`
	}
	byeData struct {
		Reason           string `json:"reason"`
		ReconnectAfterMS int64  `json:"reconnect_after_ms,omitempty"`
	}
)

// parseAuth reads the data of an auth frame. Whether its credential is any good
// is for [Authenticate] to say.
func parseAuth(raw json.RawMessage) (authData, error) {
	var a authData
	if raw == nil {
		return a, nil
	}
	if err := json.Unmarshal(raw, &a); err != nil || a.LastSeq != nil && *a.LastSeq < 0 {
		return a, errMalformed
	}
	return a, nil
}

// newNonce is 256 random bits: a device signs them to show that it is there now.
func newNonce() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// newConnectionID names a connection in logs and towards brokers. It is no secret.
func newConnectionID() string {
	var b [16]byte
	rand.Read(b[:])
	return "con_" + hex.EncodeToString(b[:])
}
