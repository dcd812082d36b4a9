package fcm

// Codes are those of the table of errors.
func Codes() (codes []string) {
	for _, r := range rows {
		codes = append(codes, r.code)
	}
	return codes
}
