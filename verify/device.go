package verify

import (
	"time"

	"github.com/go-jose/go-jose/v4"
)

// MaxDevices is how many live devices a user may have.
const MaxDevices = 10

// Device is an enrolled app on a phone. Its signing key never leaves it.
type Device struct {
	ID         string
	UserID     string
	Name       string
	Platform   string // android, ios or web
	SignKey    jose.JSONWebKey
	EncryptKey *jose.JSONWebKey // nil when the device gave none
	Push       *PushTarget      // nil when push is off
	CreatedAt  time.Time
	SeenAt     time.Time // last time a connection of it was known; zero when never
	RevokedAt  time.Time // zero while live
}

// PushTarget is where a push provider finds the device. The token rests sealed.
type PushTarget struct {
	Provider string // fcm, apns or webpush
	Token    string
}

// DropPush forgets a push target that its provider says is dead, unless the device
// has given another meanwhile. It returns what happened.
func (d *Device) DropPush(t PushTarget) []Event {
	if d.Push == nil || *d.Push != t {
		return nil
	}
	d.Push = nil
	return []Event{{Name: EventDeviceTokenInvalid, Data: EventData{Provider: t.Provider}}}
}

// connectedFor is how long a known connection holds back an SMS: it and push
// tokens alone decide that, never what a broker says.
const connectedFor = time.Minute

// EnrollmentLife is how long an enrollment can be used.
const EnrollmentLife = 10 * time.Minute

// Enrollment lets one device join one user, once, within ten minutes. Its token
// is derived ([Keys.EnrollmentToken]), never stored.
type Enrollment struct {
	ID        string
	UserID    string
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time // zero until used
}
