package delivery

import (
	"context"

	"nod/verify"
)

// Socket is the channel to a phone that is connected now, on whatever node.
type Socket struct {
	// Publish sends the prompt to the device and tells how many connections of
	// it were reached, as far as the broker knows.
	Publish func(ctx context.Context, deviceID string, prompt verify.PromptFrame) (receivers int, err error)
}

// Send publishes the prompt. Nobody connected is undelivered, and the push
// starts at once; a broker that fails is tried again, while the push's own
// timer runs.
func (s Socket) Send(ctx context.Context, m Message) verify.Outcome {
	receivers, err := s.Publish(ctx, m.DeviceID, *m.Prompt)
	switch {
	case err != nil:
		return verify.Outcome{State: verify.StateRetrying, Class: verify.ClassTransient, Provider: "socket", Detail: "broker_failed"}
	case receivers == 0:
		return verify.Outcome{State: verify.StateUndelivered, Class: verify.ClassNone, Provider: "socket", Detail: "not_connected"}
	}
	return verify.Outcome{State: verify.StateAccepted, Class: verify.ClassNone, Provider: "socket"}
}
