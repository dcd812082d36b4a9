package server

import (
	"context"
	"time"

	"nod/verify"
)

// Store is what the server needs of a store; package storage has it. A rule
// runs inside the store's transaction, may run twice on fresh copies, and what
// it was given may be read after it returned nil. [verify.ErrNotFound] says that
// a row is not there, [*verify.Replay] that a write was already done. Any other
// error that no rule made means that the store is in trouble.
type Store interface { //nolint:interfacebloat // a list of small ones, one for each kind of rows
	Clock
	Answers
	Verifications
	Decisions
	Trail
	Changes
	Preferences
	Enrollments
	Devices
	DeviceSessions
	Messages
	Trusts
	People
	Operators
	Blocks
}

// Answers keeps the answers of calls that write nothing else.
type Answers interface {
	Record(ctx context.Context, once *verify.Once) error
}

// Clock tells the store's time, which decides every deadline.
type Clock interface {
	Now(ctx context.Context) (time.Time, error)
	Ping(ctx context.Context) error
}

// Verifications keeps verifications.
type Verifications interface {
	CreateVerification(ctx context.Context, a verify.Applicant, once *verify.Once, rule func(*verify.Situation, time.Time) (*verify.Verification, error)) error
	Verification(ctx context.Context, id string) (*verify.Verification, time.Time, error)
	NewestVerification(ctx context.Context, userID string, purpose verify.Purpose, n verify.Number) (*verify.Verification, time.Time, error)
}

// Decisions is where a verification is decided and the token spent with which a
// device says so: a store that keeps room for them when everything else is busy.
type Decisions interface {
	SpendTokenID(ctx context.Context, deviceID, jti string, expires time.Time) error
	UpdateVerification(ctx context.Context, id string, once *verify.Once, rule func(*verify.Verification, time.Time) error) error
	UpdateVerificationOf(ctx context.Context, userID, id string, rule func(*verify.Verification, time.Time) error) error
}

// Messages says for which verification a message was sent, by the delivery's id and
// by the provider's own.
type Messages interface {
	VerificationOfDelivery(ctx context.Context, deliveryID string) (id string, err error)
	VerificationOfMessage(ctx context.Context, provider, providerID string) (id string, err error)
}

// Trail keeps what happened, to a verification, to a user and lately.
type Trail interface {
	Recent(ctx context.Context, limit int) ([]*verify.Verification, error)
	EventsAfter(ctx context.Context, verificationID string, seq int64, limit int) ([]verify.Event, error)
	UserEvents(ctx context.Context, userID string, since time.Time) ([]verify.Event, error)
}

// People keeps all that is known of a person, and what operators decided about them.
type People interface {
	Export(ctx context.Context, userID string) (*verify.PersonalData, error)
	Erase(ctx context.Context, userID, by string) error
	UpdateStanding(ctx context.Context, userID, through string, once *verify.Once, rule func(*verify.Standing, time.Time) []verify.Event) error
}

// Operators is what an operator looks at: some verifications, what was done, what waits.
type Operators interface {
	Search(ctx context.Context, n verify.Number, limit int) ([]*verify.Verification, error)
	OperatorActs(ctx context.Context, limit int) ([]verify.Event, error)
	Queue(ctx context.Context) (verify.Queue, error)
}

// Blocks keeps where operators let no code go. A block is found by its kind and key
// ([verify.Keys.BlockKey]); one that is there stays as it is. The events are told with
// what they are about, and not where nothing was changed.
type Blocks interface {
	AddBlock(ctx context.Context, b verify.Block, es []verify.Event) (kept verify.Block, added bool, err error)
	RemoveBlock(ctx context.Context, kind, key string, es []verify.Event) (there bool, err error)
	Blocks(ctx context.Context, limit int) ([]verify.Block, error)
}

// Changes tells what happened on any node.
type Changes interface {
	Changed(ctx context.Context, from, to time.Time) ([]verify.Changed, error)
	UsersEvents(ctx context.Context, users []string, since time.Time) ([]verify.Event, error)
}

// Preferences keeps what users chose for all their verifications.
type Preferences interface {
	Settings(ctx context.Context, userID string) (verify.Settings, time.Time, error)
	UpdateSettings(ctx context.Context, userID string, rule func(*verify.Settings, time.Time) []verify.Event) (verify.Settings, time.Time, error)
}

// Enrollments lets devices join.
type Enrollments interface {
	CreateEnrollment(ctx context.Context, once *verify.Once, userID string) (verify.Enrollment, error)
	Enrollment(ctx context.Context, id string) (verify.Enrollment, error)
	CreateDevice(ctx context.Context, once *verify.Once, enrollmentID string, rule func(e verify.Enrollment, live int, now time.Time) (*verify.Device, error)) (*verify.Device, error)
}

// Devices keeps the devices of users.
type Devices interface {
	Device(ctx context.Context, id string) (*verify.Device, time.Time, error)
	Devices(ctx context.Context, userID string) ([]verify.Device, error)
	UpdateDevice(ctx context.Context, id string, rule func(*verify.Device, time.Time) ([]verify.Event, error)) (*verify.Device, error)
}

// Trusts keeps where users need not be asked again.
type Trusts interface {
	TrustedDevice(ctx context.Context, id string) (*verify.TrustedDevice, error)
	TrustedDevices(ctx context.Context, userID string) ([]verify.TrustedDevice, time.Time, error)
	UpdateTrustedDevices(ctx context.Context, userID string, rule func([]*verify.TrustedDevice, time.Time) error) error
}

// DeviceSessions keeps what a device's connections and calls need.
type DeviceSessions interface {
	OpenPrompts(ctx context.Context, deviceID string) ([]*verify.Verification, time.Time, error)
	TouchDevices(ctx context.Context, ids []string) error
}
