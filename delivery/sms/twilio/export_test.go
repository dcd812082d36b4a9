package twilio

import "nod/verify"

// Codes is the table of errors: each code and its class.
func Codes() map[int]verify.Class {
	all := map[int]verify.Class{}
	for code, r := range codes {
		all[code] = r.class
	}
	return all
}
