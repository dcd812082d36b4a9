package apns

// Reasons are those of the table of errors.
func Reasons() (reasons []string) {
	for _, r := range rows {
		reasons = append(reasons, r.reason)
	}
	return reasons
}
