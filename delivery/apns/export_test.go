package apns

import "time"

// Reasons are those of the table of errors.
func Reasons() (reasons []string) {
	for _, r := range rows {
		reasons = append(reasons, r.reason)
	}
	return reasons
}

// Age makes the provider token at hand older than it is.
func (a *APNs) Age(by time.Duration) {
	t := a.client.Token
	t.Lock()
	defer t.Unlock()
	t.IssuedAt -= int64(by / time.Second)
}
