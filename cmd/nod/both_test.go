package main

import (
	"fmt"
	"sync"
	"testing"
)

// TestBoth asks the app and texts a code at once. Whichever answers first decides;
// the other is told what became of it, and one result exists.
func TestBoth(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		p := start(t)
		t.Run("the code first", func(t *testing.T) { p.under(t).codeFirst() })
		t.Run("the app first", func(t *testing.T) { p.under(t).appFirst() })
		t.Run("both at once", func(t *testing.T) { p.under(t).atOnce() })
	})
}

// under is the same door for a part of its test.
func (d *door) under(t *testing.T) *door {
	part := *d
	part.t = t
	return &part
}

// race is a login that can be decided in two ways.
type race struct {
	*door
	v, prompt object
	code      string
	phone     *phone
	app, page *socket
}

func (d *door) race(user, number string) *race {
	d.t.Helper()
	r := &race{door: d, phone: d.enroll(user, nil)}
	r.app = r.phone.connect()
	r.app.next("prompts") // what is open; from now on each comes by itself
	r.v = d.ask(user, object{"channel": "both", "phone_number": number})
	r.page = d.watch(r.v, nil)
	r.prompt = r.app.next("prompt")
	r.code = d.outbox(number, 1).str("code")
	return r
}

func (r *race) check() (int, object) {
	return r.call("POST", pathOf(r.v)+"/check", page(r.v), object{"code": r.code})
}

func (r *race) approve() (int, object) {
	path := "/api/v1/prompts/" + r.v.str("verification_id") + "/respond"
	return r.call("POST", path, r.phone.rest(), r.phone.answer(r.prompt, "approve", r.v.str("match_number")))
}

// ended wants one result by a method, and what is left of the other way.
func (r *race) ended(method string) {
	r.t.Helper()
	if out := r.page.next("result"); out.str("status") != "approved" || out.str("method") != method {
		r.t.Errorf("the page heard %v, want %s", out, method)
	}
	if out := r.status(r.v); out.str("status") != "approved" || out.str("method") != method {
		r.t.Errorf("it is %s by %s, want %s", out.str("status"), out.str("method"), method)
	}
	if e := r.events(r.v); e["verification.approved"] != 1 || e["verification.denied"]+e["verification.expired"] != 0 {
		r.t.Errorf("events %v", e)
	}
}

// closed wants the phone to hear once why its request is over.
func (r *race) closed(reason string) {
	r.t.Helper()
	if out := r.app.next("prompt_closed"); out.str("reason") != reason || out.str("verification_id") != r.v.str("verification_id") {
		r.t.Errorf("the phone heard %v, want %s", out, reason)
	}
	if open := r.phone.prompts(); len(open) != 0 {
		r.t.Errorf("still open: %v", open)
	}
}

func (d *door) codeFirst() {
	r := d.race("code-first", "+14155550141")
	if status, out := r.check(); status != 200 || out["ok"] != true {
		d.t.Fatalf("%d %v", status, out)
	}
	r.closed("code_used")
	r.app.send("respond", r.phone.answer(r.prompt, "approve", r.v.str("match_number")))
	if out := r.app.next("prompt_result"); out["accepted"] != false || out.str("reason") != "approved" {
		d.t.Errorf("a late approval: %v", out)
	}
	if status, out := r.approve(); status != 200 || out["accepted"] != false || out.str("reason") != "approved" {
		d.t.Errorf("a late approval over REST: %d %v", status, out)
	}
	r.ended("sms_code")
}

func (d *door) appFirst() {
	r := d.race("app-first", "+14155550142")
	r.app.send("respond", r.phone.answer(r.prompt, "approve", r.v.str("match_number")))
	if out := r.app.next("prompt_result"); out["accepted"] != true {
		d.t.Fatalf("%v", out)
	}
	r.closed("approved")
	status, out := r.check()
	if status != 409 || out.str("code") != "already_decided" || out.str("detail") == "" {
		d.t.Errorf("a late code: %d %v", status, out)
	}
	r.ended("app")
}

// atOnce lets the person type the code while the phone approves.
func (d *door) atOnce() {
	for round := range 8 {
		r := d.race(fmt.Sprint("at-once-", round), fmt.Sprint("+1415555015", round))
		var (
			deciders          sync.WaitGroup
			checked, answered string
			ok, taken         bool
		)
		begin := make(chan struct{})
		deciders.Go(func() {
			<-begin
			status, out := r.check()
			checked, ok = fmt.Sprint(status, " ", out.str("code")), out["ok"] == true
		})
		deciders.Go(func() {
			<-begin
			status, out := r.approve()
			answered, taken = fmt.Sprint(status, " ", out.str("reason")), out["accepted"] == true
		})
		close(begin)
		deciders.Wait()
		switch {
		case ok && checked == "200 " && !taken && answered == "200 approved":
			r.closed("code_used")
			r.ended("sms_code")
		case !ok && checked == "409 already_decided" && taken && answered == "200 ":
			r.closed("approved")
			r.ended("app")
		default:
			d.t.Errorf("the code: %s, the phone: %s", checked, answered)
		}
	}
}

// TestUserVerification: whoever merely holds the phone approves nothing, and a
// person that it has checked does.
func TestUserVerification(t *testing.T) {
	onBoth(t, func(t *testing.T, start starter) {
		p := start(t)
		ph := p.enroll("u1", nil)
		app := ph.connect()
		app.next("prompts")
		v := p.ask("u1", object{"require_user_verification": true})
		prompt := app.next("prompt")
		if prompt["require_user_verification"] != true {
			t.Fatalf("the prompt asks for nobody: %v", prompt)
		}
		for range 2 {
			app.send("respond", ph.answer(prompt, "approve", v.str("match_number")))
			if out := app.next("prompt_result"); out["accepted"] != false || out.str("reason") != "user_verification_required" {
				t.Fatalf("%v", out)
			}
		}
		if out := p.status(v); out.str("status") != "pending" {
			t.Fatalf("%v", out)
		}
		token := ph.ApproveVerified(v.str("verification_id"), prompt.str("signed"), v.str("match_number"))
		app.send("respond", object{"token": token})
		if out := app.next("prompt_result"); out["accepted"] != true {
			t.Fatalf("%v", out)
		}
		if out := p.status(v); out.str("status") != "approved" || out.str("method") != "app" {
			t.Errorf("%v", out)
		}
	})
}
