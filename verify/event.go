package verify

import "time"

// Event is one fact about a verification (or a user, a device or a provider: then
// VerificationID is empty and Seq 0). It never holds a code, a token or a full phone number.
type Event struct {
	ID             string
	VerificationID string
	UserID         string
	Seq            int64 // per verification: 1, 2, 3 … without gaps
	Name           string
	At             time.Time
	Data           EventData
}

// EventData is what some events add to their name. Empty fields are left out.
type EventData struct {
	Channel     Channel       `json:"channel,omitempty"`
	DeliveryID  string        `json:"delivery_id,omitempty"`
	DeviceID    string        `json:"device_id,omitempty"`
	TrustedID   string        `json:"trusted_device_id,omitempty"`
	State       DeliveryState `json:"state,omitempty"`
	Class       Class         `json:"class,omitempty"`
	Detail      string        `json:"detail,omitempty"` // of a prefix that is closed: "+44791101"
	Provider    string        `json:"provider,omitempty"`
	Stage       Stage         `json:"stage,omitempty"`
	Reason      Reason        `json:"reason,omitempty"`
	Method      Method        `json:"method,omitempty"`
	Purpose     Purpose       `json:"purpose,omitempty"`
	Step        int           `json:"step,omitempty"`         // delay step of a resend, in seconds
	Refusal     string        `json:"refusal,omitempty"`      // code of a refused resend
	SuccessorID string        `json:"successor_id,omitempty"` // of a superseded verification, or of one whose number was left
	Country     string        `json:"country,omitempty"`      // of a created or blocked verification and of a delivery: see [Number.Country]
	Locale      string        `json:"locale,omitempty"`       // of a created verification: the language of its texts, as BCP 47 writes it
	Action      string        `json:"action,omitempty"`       // of an operator
	Limit       string        `json:"limit,omitempty"`        // which one was hit
	Mode        BudgetMode    `json:"mode,omitempty"`         // of a budget that was exceeded
	Percent     int           `json:"percent,omitempty"`      // of the spend cap
	Score       int           `json:"score,omitempty"`        // of a start that looked unusual
	Reasons     string        `json:"reasons,omitempty"`      // of that score, and why a trusted device did not stand in ("trusted_network"), comma-separated
	Until       string        `json:"until,omitempty"`        // of a lock, RFC 3339; empty: until unlocked
	By          string        `json:"by,omitempty"`           // by whose session or call an operator acted: "console 3fa9c1d2", "key 3fa9c1d2"
}

// The event names (contract, section 7).
const (
	EventCreated        = "verification.created"
	EventReused         = "verification.reused"
	EventStageChanged   = "verification.stage_changed"
	EventApproved       = "verification.approved"
	EventDenied         = "verification.denied"
	EventReported       = "verification.reported"
	EventFailed         = "verification.failed"
	EventExpired        = "verification.expired"
	EventCanceled       = "verification.canceled"
	EventSuperseded     = "verification.superseded"
	EventBlocked        = "verification.blocked"
	EventLocked         = "verification.locked"
	EventSkippedTrusted = "verification.skipped_trusted"

	EventLimitHit       = "risk.limit_hit"
	EventPushSuppressed = "risk.push_suppressed"
	EventBudgetExceeded = "risk.budget_exceeded"
	EventSpendWarning   = "risk.spend_warning"
	EventSpendStop      = "risk.spend_stop"
	EventRiskAssessed   = "risk.assessed"

	EventCodeIssued    = "code.issued"
	EventCheckFailed   = "code.check_failed"
	EventCodeExhausted = "code.exhausted"

	EventResendRequested = "resend.requested"
	EventResendRejected  = "resend.rejected"

	// Of the verification of the number that was left; it is canceled with it.
	EventPhoneChanged = "phone.changed"

	// Of a user, without a verification.
	EventSettingsChanged = "settings.changed"

	EventFallbackStarted = "delivery.fallback_started"
	eventDelivery        = "delivery." // + state: queued, accepted, retrying, …

	EventDeviceRegistered   = "device.registered"
	EventDeviceTokenRotated = "device.token_rotated"
	EventDeviceTokenInvalid = "device.token_invalid"
	EventDeviceRevoked      = "device.revoked"

	// Of a user, without a verification. A skip is told by verification.skipped_trusted too.
	EventTrustedAdded   = "trusted_device.added"
	EventTrustedUsed    = "trusted_device.used"
	EventTrustedRevoked = "trusted_device.revoked"
	EventTrustedReused  = "trusted_device.reuse_detected"

	// Of a provider, as one node sees it: without a user and a verification.
	EventProviderDegraded  = "provider.degraded"
	EventProviderRecovered = "provider.recovered"

	// Of the verification that an operator acted on or came to its user by, or else of a
	// user, or of neither. It outlasts both, without their names: see [ActErase].
	EventOperatorActed = "operator.acted"

	// Made by an operator to see whether webhooks arrive.
	EventWebhookTest = "webhook.test"
)

// What an operator did, in [EventData].Action of [EventOperatorActed].
const (
	ActCancel         = "cancel"
	ActBlock          = "block"
	ActUnlock         = "unlock"
	ActErase          = "erase" // of a user who is not named, and what was done about them before is not any more
	ActReplayWebhook  = "replay_webhook"
	ActReplayWebhooks = "replay_webhooks"
	ActTestWebhook    = "test_webhook"
	ActEnableWebhooks = "enable_webhooks"
)

// Change is one committed transaction: what the aggregate became and the events
// that tell so. It is handed on after COMMIT, never before.
type Change struct {
	Verification *Verification // nil for a change of a user, a device or a provider
	Device       *Device       // nil for a change of a verification, a user or a provider
	Events       []Event
	Begun        time.Time // when, by this process's clock, its transaction had not read the store's yet
}

// Changed names what got events in some span of time: a verification, or a user
// with what is theirs.
type Changed struct {
	VerificationID string // empty: events of a user or a device
	UserID         string
	Seq            int64 // of its newest event in that span; 0 without a verification
}
