package vonage

import "nod/verify"

// Row is one row of the table of errors.
type Row struct {
	Status int
	Code   string
	Class  verify.Class
	All    bool
}

// Rows is the table of errors.
func Rows() (rows []Row) {
	for _, r := range rules {
		rows = append(rows, Row{r.status, r.code, r.class, r.all})
	}
	return rows
}

// ReceiptOf reads a message's status and error.
var ReceiptOf = receipt

// Base is where a client sends to.
func (c *Client) Base() string { return c.base.String() }
