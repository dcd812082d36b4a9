package redisbroker

import (
	"encoding/binary"
	"encoding/hex"
	"errors"

	"nod/hub"
)

// A frame is what travels through a channel:
//
//	version 1 byte · kind 1 byte · sender 8 bytes · number 8 bytes · body
//
// The number grows with every frame of a sender; a receiver drops what does not
// come after the last, because go-redis sends a whole batch again when it lost a
// connection to a Cluster. Strings have their length before them, as a varint.
//
//	message   topic, kind, sequence as a varint, data to the end
//	replaced  topic, connection, stamp as a varint
//	probe     nothing
const (
	version    = 1
	headerSize = 2 + len(nodeID{}) + 8
)

type kind byte

const (
	kindMessage  kind = 1
	kindReplaced kind = 2
	kindProbe    kind = 3
)

type nodeID [8]byte

func (id nodeID) String() string { return hex.EncodeToString(id[:]) }

// frame is one that was read. message is set for messages; topic, conn and stamp
// for replaced.
type frame struct {
	kind        kind
	sender      nodeID
	number      uint64
	message     hub.Message
	topic, conn string
	stamp       int64
}

var (
	errVersion = errors.New("frame of an unknown version")
	errFrame   = errors.New("damaged frame")
)

// header begins a frame; number is set when it is sent.
func header(k kind, sender nodeID, room int) []byte {
	p := make([]byte, 0, headerSize+room)
	p = append(p, version, byte(k))
	p = append(p, sender[:]...)
	return append(p, make([]byte, 8)...)
}

func setNumber(p []byte, n uint64) { binary.BigEndian.PutUint64(p[headerSize-8:], n) }

func messageFrame(sender nodeID, m hub.Message) []byte {
	p := header(kindMessage, sender, len(m.Topic)+len(m.Kind)+len(m.Data)+3*binary.MaxVarintLen64)
	p = appendString(p, m.Topic)
	p = appendString(p, m.Kind)
	p = binary.AppendVarint(p, m.Seq)
	return append(p, m.Data...)
}

func replacedFrame(sender nodeID, topic, conn string, stamp int64) []byte {
	p := header(kindReplaced, sender, len(topic)+len(conn)+3*binary.MaxVarintLen64)
	p = appendString(p, topic)
	p = appendString(p, conn)
	return binary.AppendVarint(p, stamp)
}

func probeFrame(sender nodeID, number uint64) []byte {
	p := header(kindProbe, sender, 0)
	setNumber(p, number)
	return p
}

func appendString(p []byte, s string) []byte {
	return append(binary.AppendUvarint(p, uint64(len(s))), s...)
}

// parseFrame reads a frame. A newer node may send kinds that we do not know:
// they are damaged frames to us, and dropped.
func parseFrame(s string) (f frame, err error) {
	if s == "" || s[0] != version {
		return f, errVersion
	}
	if len(s) < headerSize {
		return f, errFrame
	}
	f.kind = kind(s[1])
	copy(f.sender[:], s[2:])
	f.number = binary.BigEndian.Uint64([]byte(s[headerSize-8 : headerSize]))
	r := reader{rest: s[headerSize:]}
	switch f.kind {
	case kindMessage:
		f.message = hub.Message{Topic: r.string(), Kind: r.string(), Seq: r.varint(), Data: r.bytes()}
	case kindReplaced:
		f.topic, f.conn, f.stamp = r.string(), r.string(), r.varint()
	case kindProbe:
	default:
		return f, errFrame
	}
	if r.bad || r.rest != "" {
		return f, errFrame
	}
	return f, nil
}

// reader takes a body apart; bad tells that it was too short.
type reader struct {
	rest string
	bad  bool
}

// number returns what one varint may lie in.
func (r *reader) number() []byte {
	return []byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)])
}

func (r *reader) skip(n int) {
	if n <= 0 {
		r.bad, n = true, len(r.rest)
	}
	r.rest = r.rest[n:]
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.number())
	r.skip(n)
	return v
}

func (r *reader) string() string {
	size, n := binary.Uvarint(r.number())
	if r.skip(n); r.bad || size > uint64(len(r.rest)) {
		r.bad = true
		return ""
	}
	s := r.rest[:size]
	r.rest = r.rest[size:]
	return s
}

func (r *reader) bytes() []byte {
	p := []byte(r.rest)
	r.rest = ""
	return p
}
