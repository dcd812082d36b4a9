package main

import "testing"

// TestAttacks: one nod on SQLite, with everything switched on, and whoever wants
// in. Each attack has users, numbers and addresses of its own.
func TestAttacks(t *testing.T) {
	t.Parallel()
	s := besiege(t)
	t.Run("all at once", func(t *testing.T) {
		for name, attack := range map[string]func(*siege){
			"device tokens":    (*siege).deviceTokens,
			"answers":          (*siege).answers,
			"enrollments":      (*siege).enrollments,
			"user tokens":      (*siege).userTokens,
			"console sessions": (*siege).consoleSessions,
			"roles":            (*siege).roles,
			"canaries":         (*siege).canaries,
			"known or not":     (*siege).alike,
			"one network":      (*siege).oneNetwork,
			"Twilio receipts":  (*siege).twilioReceipts,
			"Vonage receipts":  (*siege).vonageReceipts,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				attack(s.under(t))
			})
		}
	})
	t.Run("a new secret", func(t *testing.T) { s.under(t).newSecret() })
}
