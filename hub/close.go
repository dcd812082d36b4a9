package hub

// Close codes of the protocol.
const (
	CloseGoingAway       = 1001 // this node drains, or the peer went silent
	CloseInvalidText     = 1007 // not UTF-8
	CloseTooBig          = 1009 // a frame over 8 KiB
	CloseTryLater        = 1013 // slow consumer, or the server cannot judge now
	CloseBadMessage      = 4400 // not a frame of the protocol
	CloseUnauthenticated = 4401 // the credential is wrong, ended or revoked
	CloseForbidden       = 4403 // not allowed to be here
	CloseAuthTimeout     = 4408 // no auth in time
	CloseReplaced        = 4409 // a newer connection took its place
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
