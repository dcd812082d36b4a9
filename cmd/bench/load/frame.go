package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Opcodes of RFC 6455, 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

// maxMessage is the longest message that is taken from a server.
const maxMessage = 1 << 20

// frame is one frame of a server.
type frame struct {
	op      byte
	final   bool
	payload []byte
}

// parse takes the first frame off b; n is 0 when not all of it is there. A frame that no
// server may send (RFC 6455, 5) is an error.
func parse(b []byte) (f frame, n int, err error) {
	if len(b) < 2 {
		return f, 0, nil
	}
	f.op, f.final = b[0]&0x0f, b[0]&0x80 != 0
	length, head := int(b[1]&0x7f), 2
	switch {
	case b[0]&0x70 != 0:
		return f, 0, errors.New("a frame with reserved bits, though no extension was agreed on")
	case b[1]&0x80 != 0:
		return f, 0, errors.New("a masked frame from the server")
	case f.op >= opClose && (!f.final || length > 125):
		return f, 0, errors.New("a control frame that is in parts or too long")
	}
	switch length {
	case 126:
		if len(b) < 4 {
			return f, 0, nil
		}
		length, head = int(binary.BigEndian.Uint16(b[2:])), 4
		if length < 126 {
			return f, 0, errors.New("a length that is not in its shortest form")
		}
	case 127:
		if len(b) < 10 {
			return f, 0, nil
		}
		long := binary.BigEndian.Uint64(b[2:])
		if long > maxMessage || long < 1<<16 {
			return f, 0, fmt.Errorf("a frame that says it is %d bytes long", long)
		}
		length, head = int(long), 10
	}
	if len(b) < head+length {
		return f, 0, nil
	}
	f.payload = b[head : head+length]
	return f, head + length, nil
}

// appendFrame appends a client's whole frame. Its masking key is zero: a mask keeps a
// page's script from forging what a proxy may take for HTTP, and a load generator has
// nobody's script.
func appendFrame(b []byte, op byte, payload []byte) []byte {
	b = append(b, 0x80|op)
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = append(b, 0x80|127)
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	b = append(b, 0, 0, 0, 0)
	return append(b, payload...)
}

// CloseError is how a server ended a connection.
type CloseError struct {
	Code   int // RFC 6455, 7.4; 1005: none was said, 1006: it ended without a close frame
	Reason string
}

// Error implements error.
func (e *CloseError) Error() string {
	switch {
	case e.Code == 1006:
		return "the connection broke"
	case e.Reason == "":
		return fmt.Sprintf("the server closed the connection with %d", e.Code)
	}
	return fmt.Sprintf("the server closed the connection with %d (%s)", e.Code, e.Reason)
}

// closed reads the payload of a close frame.
func closed(payload []byte) error {
	if len(payload) == 0 {
		return &CloseError{Code: 1005}
	}
	if len(payload) == 1 || !utf8.Valid(payload[2:]) {
		return errors.New("a close frame whose payload is no code and text")
	}
	return &CloseError{int(binary.BigEndian.Uint16(payload)), string(payload[2:])}
}
