package sns

import "nod/verify"

// Row is one row of the table of errors.
type Row struct {
	Status int
	Code   string
	Text   string
	Class  verify.Class
	All    bool
}

// Rows is the table of errors.
func Rows() (rows []Row) {
	for _, r := range rules {
		rows = append(rows, Row{r.status, r.code, r.text, r.class, r.all})
	}
	return rows
}
