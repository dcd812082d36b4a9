package hub

// Close codes of the protocol; PROTOCOL.md tells what a client does about each.
const (
	CloseGoingAway       = 1001 // this node drains, or the peer went silent
	CloseInvalidText     = 1007 // not UTF-8
	CloseTooBig          = 1009 // a frame over 8 KiB
	CloseTryLater        = 1013 // slow consumer, or the server cannot judge now
	CloseBadMessage      = 4400 // not a frame of the protocol
	CloseUnauthenticated = 4401 // the credential is wrong, ended or revoked
	CloseForbidden       = 4403 // this origin or role may not be here
	CloseAuthTimeout     = 4408 // no auth in time
	CloseReplaced        = 4409 // a newer connection of the device took its place
	CloseTooFast         = 4429 // over 100 frames a minute
)

// Reasons of a bye frame.
const (
	ByeDraining        = "draining"
	ByeReplaced        = "replaced"
	ByeRevoked         = "revoked"
	ByeSlowConsumer    = "slow_consumer"
	ByeUnauthenticated = "unauthenticated"
	ByeTooFast         = "too_fast"
	ByeIdle            = "idle"
)

// violation is a breach of the protocol that ends the connection.
type violation struct {
	code   int
	reason string // of the close frame, for who debugs a client
	bye    string
}

func (v *violation) Error() string { return v.reason }

var (
	errBinary    = &violation{code: CloseBadMessage, reason: "binary frames are not used"}
	errNotFrame  = &violation{code: CloseBadMessage, reason: "not a frame of nod.v1"}
	errBadAuth   = &violation{code: CloseBadMessage, reason: "auth data cannot be read"}
	errNotUTF8   = &violation{code: CloseInvalidText, reason: "not UTF-8"}
	errTooBig    = &violation{code: CloseTooBig, reason: "frame over 8 KiB"}
	errTooFast   = &violation{code: CloseTooFast, reason: "over 100 frames a minute", bye: ByeTooFast}
	errNoAuth    = &violation{code: CloseAuthTimeout, reason: "no auth in time"}
	errExpired   = &violation{code: CloseUnauthenticated, reason: "credential ended", bye: ByeUnauthenticated}
	errSilent    = &violation{code: CloseGoingAway, reason: "two pings unanswered", bye: ByeIdle}
	errSlow      = &violation{code: CloseTryLater, reason: "slow consumer", bye: ByeSlowConsumer}
	errReplaced  = &violation{code: CloseReplaced, reason: "replaced by a newer connection", bye: ByeReplaced}
	errBehind    = &violation{code: CloseTryLater, reason: "come again for what you missed", bye: ByeDraining}
	errUnsettled = &violation{code: CloseTryLater, reason: "try again later"}
)
