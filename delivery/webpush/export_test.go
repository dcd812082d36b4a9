package webpush

import "net/netip"

// Statuses are those of the table of answers.
func Statuses() (statuses []int) {
	for _, r := range rows {
		statuses = append(statuses, r.status)
	}
	return statuses
}

// IsPublic is what a dial asks.
func IsPublic(address string) bool { return isPublic(netip.MustParseAddr(address)) }
