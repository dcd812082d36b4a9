package email

import "nod/verify"

// Row is one row of the table of replies.
type Row struct {
	Code     string
	Enhanced string
	To       bool
	Class    verify.Class
}

// Rows is the table of replies.
func Rows() (rows []Row) {
	for _, r := range rules {
		rows = append(rows, Row{r.code, r.enhanced, r.to, r.class})
	}
	return rows
}

// Way is how a client reaches its relay.
type Way struct {
	Host            string
	Port            int
	User, Password  string
	Implicit, Plain bool
}

// Way is what a client made of its URL.
func (c *Client) Way() Way {
	return Way{c.host, c.port, c.user, c.password, c.implicit, c.plain}
}
