package twilio

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	openapi "github.com/twilio/twilio-go/rest/api/v2010"

	"nod/delivery/wire"
)

var errNotTwilio = errors.New("twilio: what answered is not Twilio's API: see NOD_TWILIO_BASE_URL")

// check tries the account, and whether the sender is a number of its own that can
// do what it needs to. The account's answer shows that the credentials are good; the
// number is found fault with only where Twilio says so, not where the question about
// it comes to nothing.
func (t *Twilio) check(ctx context.Context, needs string, can func(*openapi.ApiV2010AccountIncomingPhoneNumberCapabilities) bool) error {
	if err := t.checkAccount(ctx); err != nil {
		return err
	}
	if !numberForm.MatchString(t.config.From) {
		return nil // services, names and short codes are listed elsewhere, or nowhere
	}
	api, call := t.call(ctx)
	page, err := api.PageIncomingPhoneNumber(new(openapi.ListIncomingPhoneNumberParams).SetPhoneNumber(t.config.From), "", "")
	switch status := call.Status(); {
	case err != nil && (status == http.StatusUnauthorized || status == http.StatusForbidden):
		return t.checkFailed(call, err)
	case err != nil || page.IncomingPhoneNumbers == nil:
		return nil //nolint:nilerr // nobody said that the number is not the account's
	}
	for _, n := range page.IncomingPhoneNumbers {
		if n.PhoneNumber == nil || *n.PhoneNumber != t.config.From {
			continue
		}
		if n.Capabilities != nil && !can(n.Capabilities) {
			return fmt.Errorf("twilio: the number in TWILIO_PHONE_NUMBER cannot %s: choose one in Twilio's console that can", needs)
		}
		return nil
	}
	return errors.New("twilio: the number in TWILIO_PHONE_NUMBER is not one of this account: write one that is listed under Active numbers in Twilio's console")
}

func (t *Twilio) checkAccount(ctx context.Context) error {
	api, call := t.call(ctx)
	account, err := api.FetchAccount(t.config.AccountSID)
	if err != nil {
		return t.checkFailed(call, err)
	}
	switch word(account.Status) {
	case "active":
		return nil
	case "suspended":
		return errors.New("twilio: the account is suspended: see Twilio's console for the reason, most often the balance")
	case "closed":
		return errors.New("twilio: the account is closed: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN of another one")
	default:
		return errNotTwilio
	}
}

// checkFailed says in words why a question came to nothing.
func (t *Twilio) checkFailed(call *wire.Call, err error) error {
	status, code := call.Status(), codeOf(err)
	switch {
	case status == 0:
		return errors.New("twilio: " + t.config.BaseURL + " did not answer: see the network, a proxy and NOD_TWILIO_BASE_URL")
	case code == 0 && status < 500:
		return errNotTwilio
	case status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusNotFound:
		return fmt.Errorf("twilio: the account was refused (%d): see TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN", code)
	default:
		return fmt.Errorf("twilio: it answered with an error (%s): try again later", detail(status, code))
	}
}
