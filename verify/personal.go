package verify

import "time"

// PersonalData is everything that is kept about one user, for them: numbers and
// addresses as they are, times as [FormatTime] writes them. It names what it holds
// field by field, so that what a row gains later is not told by accident: it has no
// code, secret or token, none of the keys that those are derived from, no hash, and
// not who acted for the operator.
type PersonalData struct {
	UserID         string                 `json:"user_id"`
	ExportedAt     string                 `json:"exported_at" format:"date-time"`
	Settings       *PersonalSettings      `json:"settings,omitempty"` // left out: nothing was chosen
	Hold           *PersonalHold          `json:"hold,omitempty"`     // left out: no operator decided anything
	Usage          *PersonalUsage         `json:"usage,omitempty"`    // left out: nothing counts any more
	Devices        []PersonalDevice       `json:"devices" nullable:"false"`
	TrustedDevices []PersonalTrusted      `json:"trusted_devices" nullable:"false"`
	Enrollments    []PersonalEnrollment   `json:"enrollments" nullable:"false"`
	Verifications  []PersonalVerification `json:"verifications" nullable:"false"`
	Events         []PersonalEvent        `json:"events" nullable:"false"`
}

// PersonalSettings are what the user chose.
type PersonalSettings struct {
	ChannelPreference Channel `json:"channel_preference,omitempty"`
	Locale            string  `json:"locale,omitempty"`
	ChangedAt         string  `json:"changed_at,omitempty" format:"date-time"`
}

// PersonalHold is what an operator decided about the user.
type PersonalHold struct {
	BlockedAt string `json:"blocked_at,omitempty" format:"date-time"`
	LiftedAt  string `json:"lifted_at,omitempty" format:"date-time"`
}

// PersonalUsage is what limits count of the user, each as far back as one looks, oldest
// first; and what is known of how the user signs in, to notice when somebody else does.
// What is counted of a number or an address is not told: others may stand behind it.
type PersonalUsage struct {
	CodesSent       []string `json:"codes_sent" nullable:"false"`
	Prompts         []string `json:"prompts" nullable:"false"`
	WrongCodes      []string `json:"wrong_codes" nullable:"false"`
	PromptsNotTaken []string `json:"prompts_not_taken" nullable:"false"`        // denied or ignored, since the last that was approved
	LockedUntil     string   `json:"locked_until,omitempty" format:"date-time"` // for codes; [Forever]: until an operator unlocks
	RefusedAt       string   `json:"refused_at,omitempty" format:"date-time"`   // the last start that was refused
	Networks        int      `json:"networks"`                                  // how many are known: they are kept as keyed hashes
	Browsers        int      `json:"browsers"`                                  // likewise
	Countries       []string `json:"countries" nullable:"false"`                // where the user was when approved
	ApprovedByHour  []int    `json:"approved_by_hour,omitempty"`                // approvals by the hour of the UTC day: 24, or none
	Denied          []string `json:"denied" nullable:"false"`                   // starts that the user denied lately
}

// PersonalDevice is an app, live or revoked.
type PersonalDevice struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Platform     string `json:"platform"`
	PushProvider string `json:"push_provider,omitempty"` // empty: push is off
	CreatedAt    string `json:"created_at" format:"date-time"`
	SeenAt       string `json:"seen_at,omitempty" format:"date-time"`
	RevokedAt    string `json:"revoked_at,omitempty" format:"date-time"`
}

// PersonalTrusted is a browser in which the user asked to be remembered.
type PersonalTrusted struct {
	ID            string `json:"id"`
	UserAgent     string `json:"user_agent,omitempty"`
	Location      string `json:"location,omitempty"`
	ApprovedAt    string `json:"approved_at" format:"date-time"`
	ExpiresAt     string `json:"expires_at" format:"date-time"`
	UsedAt        string `json:"used_at,omitempty" format:"date-time"`
	RevokedAt     string `json:"revoked_at,omitempty" format:"date-time"`
	RevokedReason Reason `json:"revoked_reason,omitempty"`
}

// PersonalEnrollment is an invitation to a device.
type PersonalEnrollment struct {
	ID        string `json:"id"`
	CreatedAt string `json:"created_at" format:"date-time"`
	ExpiresAt string `json:"expires_at" format:"date-time"`
	UsedAt    string `json:"used_at,omitempty" format:"date-time"`
}

// PersonalVerification is a verification with what belongs to it.
type PersonalVerification struct {
	ID             string             `json:"id"`
	Purpose        Purpose            `json:"purpose"`
	Status         Status             `json:"status"`
	Reason         Reason             `json:"reason,omitempty"`
	Method         Method             `json:"method,omitempty"`
	Channel        Channel            `json:"channel"`
	PhoneNumber    string             `json:"phone_number,omitempty"` // E.164
	Email          string             `json:"email,omitempty"`
	Locale         string             `json:"locale,omitempty"`
	Context        Context            `json:"context"`
	BindingMessage string             `json:"binding_message,omitempty"`
	CreatedAt      string             `json:"created_at" format:"date-time"`
	StartedFrom    string             `json:"started_from,omitempty"` // a country
	LockedUntil    string             `json:"locked_until,omitempty" format:"date-time"`
	EndedAt        string             `json:"ended_at,omitempty" format:"date-time"`
	RedeemedAt     string             `json:"redeemed_at,omitempty" format:"date-time"`
	AnsweredBy     string             `json:"answered_by,omitempty"` // the device's id
	Codes          []PersonalCode     `json:"codes" nullable:"false"`
	Deliveries     []PersonalDelivery `json:"deliveries" nullable:"false"`
	Guesses        []Guess            `json:"guesses" nullable:"false"`
}

// PersonalCode is what is known of a code, which nobody keeps.
type PersonalCode struct {
	Channel   Channel `json:"channel"`
	Length    int     `json:"length"`
	Tries     int     `json:"tries"` // wrong guesses
	IssuedAt  string  `json:"issued_at" format:"date-time"`
	ExpiresAt string  `json:"expires_at" format:"date-time"`
}

// PersonalDelivery is one try to reach the user.
type PersonalDelivery struct {
	ID         string        `json:"id"`
	Channel    Channel       `json:"channel"`
	DeviceID   string        `json:"device_id,omitempty"`
	Provider   string        `json:"provider,omitempty"`
	State      DeliveryState `json:"state"`
	Class      Class         `json:"class,omitempty"`
	Country    string        `json:"country,omitempty"`
	CreatedAt  string        `json:"created_at" format:"date-time"`
	AcceptedAt string        `json:"accepted_at,omitempty" format:"date-time"`
	ChangedAt  string        `json:"changed_at,omitempty" format:"date-time"`
}

// PersonalEvent is one line of the audit trail.
type PersonalEvent struct {
	ID             string    `json:"id"`
	VerificationID string    `json:"verification_id,omitempty"`
	Name           string    `json:"name"`
	At             string    `json:"at" format:"date-time"`
	Data           EventData `json:"data"`
}

// Person is everything that is known of a user, as it is kept.
type Person struct {
	Settings      Settings
	Hold          Hold
	Meter         Meter    // the user's
	Devices       []Device // revoked ones too
	Trusted       []*TrustedDevice
	Enrollments   []Enrollment
	Verifications []*Verification
	Events        []Event
}

// Export makes what the person may have, in the order in which it is given.
func (p *Person) Export(userID string, now time.Time) *PersonalData {
	d := &PersonalData{
		UserID: userID, ExportedAt: FormatTime(now), Devices: []PersonalDevice{}, TrustedDevices: []PersonalTrusted{},
		Enrollments: []PersonalEnrollment{}, Verifications: []PersonalVerification{}, Events: []PersonalEvent{},
	}
	if s := p.Settings; !s.ChangedAt.IsZero() {
		d.Settings = &PersonalSettings{s.Preference, s.Locale, moment(s.ChangedAt)}
	}
	if h := p.Hold; h != (Hold{UserID: h.UserID}) {
		d.Hold = &PersonalHold{moment(h.BlockedAt), moment(h.LiftedAt)}
	}
	d.Usage = p.Meter.personal()
	for _, v := range p.Devices {
		one := PersonalDevice{
			ID: v.ID, Name: v.Name, Platform: v.Platform, CreatedAt: moment(v.CreatedAt), SeenAt: moment(v.SeenAt), RevokedAt: moment(v.RevokedAt),
		}
		if v.Push != nil {
			one.PushProvider = v.Push.Provider
		}
		d.Devices = append(d.Devices, one)
	}
	for _, v := range p.Trusted {
		d.TrustedDevices = append(d.TrustedDevices, PersonalTrusted{
			ID: v.ID, UserAgent: v.UserAgent, Location: v.Location, ApprovedAt: moment(v.ApprovedAt), ExpiresAt: moment(v.ExpiresAt),
			UsedAt: moment(v.UsedAt), RevokedAt: moment(v.RevokedAt), RevokedReason: v.RevokedReason,
		})
	}
	for _, e := range p.Enrollments {
		d.Enrollments = append(d.Enrollments, PersonalEnrollment{e.ID, moment(e.CreatedAt), moment(e.ExpiresAt), moment(e.UsedAt)})
	}
	for _, v := range p.Verifications {
		d.Verifications = append(d.Verifications, v.personal())
	}
	for _, e := range p.Events {
		e.Data.By = ""
		d.Events = append(d.Events, PersonalEvent{e.ID, e.VerificationID, e.Name, moment(e.At), e.Data})
	}
	return d
}

// personal is what a user's meter says of them; nil: nothing.
func (m *Meter) personal() *PersonalUsage {
	u := &PersonalUsage{
		CodesSent: m.Sends.moments(), Prompts: m.Prompts.moments(), WrongCodes: m.Wrong.moments(), PromptsNotTaken: m.Tired.moments(),
		Countries: []string{}, Denied: []string{},
	}
	if m.Until != 0 {
		u.LockedUntil = FormatTime(time.UnixMilli(m.Until))
	}
	if m.Refused != nil {
		u.RefusedAt = FormatTime(time.UnixMilli(m.Refused.At))
	}
	if p := m.Profile; p != nil {
		u.Networks, u.Browsers, u.ApprovedByHour, u.Denied = len(p.Networks), len(p.Agents), p.Hours, p.Denied.moments()
		u.Countries = append(u.Countries, p.Places...)
	}
	if m.Profile == nil && u.LockedUntil+u.RefusedAt == "" && len(m.Sends)+len(m.Prompts)+len(m.Wrong)+len(m.Tired) == 0 {
		return nil
	}
	return u
}

// moments are the times as answers show them.
func (t Times) moments() []string {
	all := make([]string, len(t))
	for i, ms := range t {
		all[i] = FormatTime(time.UnixMilli(ms))
	}
	return all
}

func (v *Verification) personal() PersonalVerification {
	p := PersonalVerification{
		ID: v.ID, Purpose: v.Purpose, Status: v.Status, Reason: v.Reason, Method: v.Method, Channel: v.Channel,
		PhoneNumber: v.Number.E164(), Email: v.Email.Address(), Locale: v.Locale, Context: v.Context, BindingMessage: v.BindingMessage,
		StartedFrom: v.Seen.Place, LockedUntil: moment(v.LockedUntil),
		CreatedAt: moment(v.CreatedAt), EndedAt: moment(v.EndedAt), RedeemedAt: moment(v.RedeemedAt), AnsweredBy: v.AnsweredBy,
		Codes: []PersonalCode{}, Deliveries: []PersonalDelivery{}, Guesses: append([]Guess{}, v.Guesses...),
	}
	for _, c := range v.Codes {
		p.Codes = append(p.Codes, PersonalCode{c.Channel, c.Length, c.Tries, moment(c.IssuedAt), moment(c.ExpiresAt)})
	}
	for i := range v.Deliveries {
		d := &v.Deliveries[i]
		p.Deliveries = append(p.Deliveries, PersonalDelivery{
			ID: d.ID, Channel: d.Channel, DeviceID: d.DeviceID, Provider: d.Provider, State: d.State, Class: d.Class, Country: d.Country,
			CreatedAt: moment(d.CreatedAt), AcceptedAt: moment(d.AcceptedAt), ChangedAt: moment(d.ChangedAt),
		})
	}
	return p
}

// moment is a time as answers show it; empty for the zero time.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return FormatTime(t)
}
