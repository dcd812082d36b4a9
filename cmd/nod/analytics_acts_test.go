package main

import (
	"regexp"
	"slices"
)

var operatorOf = regexp.MustCompile(`^console [0-9a-f]{8}$`)

// act is what operators may do, and what a person may ask for, at the end of a day.
// What was counted stays as it is.
func (c *party) act(lone *guest) {
	c.t.Helper()
	before := c.figures()
	console := "Authorization: Bearer " + c.do(201, "POST", "/api/v1/console-sessions", object{}).str("token")
	operates := func(status int, path string, body any) object {
		c.t.Helper()
		got, out := c.call("POST", path, console, body)
		if got != status {
			c.t.Fatalf("%s: %d %v", path, got, out)
		}
		return out
	}

	g := c.begins(c.guest())
	c.reads(g, "twilio", 1)
	c.found(operates(200, "/api/v1/search", object{"query": " 00" + g.to[1:5] + " " + g.to[5:]}), g)
	c.found(operates(200, "/api/v1/search", object{"query": g.v.str("verification_id")}), g)
	waiting := c.watch(g.v, nil)
	operates(204, pathOf(g.v)+"/block", nil)
	if out := waiting.next("result"); out.str("status") != "canceled" || out.str("reason") != "account_locked" {
		c.t.Errorf("the page is told %v", out)
	}
	for _, purpose := range []string{"login", "phone"} {
		status, out := c.call("POST", "/api/v1/verifications", c.asKey(), object{"user_id": g.user, "phone_number": g.to, "purpose": purpose})
		if status != 403 || out.str("code") != "blocked" {
			c.t.Fatalf("a create of a blocked user: %d %v", status, out)
		}
		c.shows("what it left", c.status(out), object{"status": "blocked", "reason": "account_locked"})
	}
	operates(204, pathOf(g.v)+"/unlock", nil)
	g = c.begins(&guest{user: g.user, to: c.guest().to})
	operates(200, pathOf(g.v)+"/cancel", object{})
	if n := c.events(g.v); n["operator.acted"] != 1 || n["verification.canceled"] != 1 {
		c.t.Errorf("the trail has %v", n)
	}
	var acts []string
	for _, a := range c.do(200, "GET", "/api/v1/operator-acts", nil).list("acts") {
		acts = append(acts, a.str("action"))
		if canceled := a.str("verification_id") == g.v.str("verification_id"); !operatorOf.MatchString(a.str("by")) || canceled != (a.str("action") == "cancel") {
			c.t.Errorf("%v", a)
		}
	}
	if !slices.Equal(acts, []string{"cancel", "unlock", "block"}) {
		c.t.Errorf("operators did %v", acts)
	}

	c.forgets(lone)
	if after := c.figures(); after["overview"].obj("totals").num("verify_success") < before["overview"].obj("totals").num("verify_success") {
		c.t.Errorf("it was %v, and is %v", before["overview"], after["overview"])
	}
}

// found wants a search to have found one verification, and to tell no number.
func (c *party) found(out object, g *guest) {
	c.t.Helper()
	rows := out.list("verifications")
	if len(rows) != 1 || rows[0].str("verification_id") != g.v.str("verification_id") || rows[0].str("phone_number") == g.to {
		c.t.Errorf("%v is found of %s", rows, g.user)
	}
}

// forgets hands a person what is kept of them, and deletes it.
func (c *party) forgets(g *guest) {
	c.t.Helper()
	path := "/api/v1/users/" + g.user
	kept := func() []object { return c.do(200, "GET", path+"/export", nil).list("verifications") }
	if all := kept(); len(all) != 1 || all[0].str("id") != g.v.str("verification_id") || all[0].str("phone_number") != g.to {
		c.t.Errorf("of %s is kept %v", g.user, all)
	}
	for range 2 {
		c.do(204, "DELETE", path, nil)
	}
	if all := kept(); len(all) > 0 {
		c.t.Errorf("of %s is kept %v", g.user, all)
	}
	c.do(404, "GET", pathOf(g.v), nil)
	if rows := c.do(200, "POST", "/api/v1/search", object{"query": g.to}).list("verifications"); len(rows) > 0 {
		c.t.Errorf("found %v", rows)
	}
}
