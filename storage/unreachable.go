package storage

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Unreachable reports whether an error says that the database could not be asked,
// or did not answer in time: it may be starting, and the same again may succeed.
// False is for what a database refuses, such as a wrong password.
func Unreachable(err error) bool {
	if pg := refusal(err); pg != nil {
		// A server that starts, stops or has no room (classes 57P, 53 and 08).
		return strings.HasPrefix(pg.Code, "57P") || strings.HasPrefix(pg.Code, "53") || strings.HasPrefix(pg.Code, "08")
	}
	if _, noHost := errors.AsType[*net.DNSError](err); noHost {
		return true // a name may appear, as among containers
	}
	_, broken := errors.AsType[net.Error](err)
	return broken || errors.Is(err, errSlow) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err)
}
