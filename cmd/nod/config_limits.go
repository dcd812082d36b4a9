package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"nod/server/geoip"
	"nod/verify"
)

// guards are the settings against misuse that are no rule of package verify, whose
// limits stand in the policy.
type guards struct {
	RequestsIP int // a minute; less than 0: any number, as of the next one
	SocketsIP  int
	GeoIP      []byte
	places     *geoip.DB // nil: nobody knows where an address is
	Presend    struct {
		URL     string // empty: nobody is asked before a code leaves
		Timeout time.Duration
		Open    bool // codes leave when no answer comes
	}
}

// off switches a limit off.
const off = "off"

// limitSettings are what is refused to whom, with the contract's figures.
var limitSettings = []setting{
	limits("NOD_LIMIT_SENDS_PHONE", "5/1h,10/24h", "codes over SMS and calls to one number", func(l *verify.Limits) *[]verify.Limit { return &l.SendsPhone }),
	limits("NOD_LIMIT_SENDS_USER", "10/1h,20/24h", "codes to one user", func(l *verify.Limits) *[]verify.Limit { return &l.SendsUser }),
	limits("NOD_LIMIT_SENDS_IP", "20/1h", "codes that one person's address (IPv6 by /64) asks for", func(l *verify.Limits) *[]verify.Limit { return &l.SendsIP }),
	limits("NOD_LIMIT_CHECKS_IP", "60/1m", "codes that one person's address tries", func(l *verify.Limits) *[]verify.Limit { return &l.ChecksIP }),
	limits("NOD_LIMIT_PROMPTS", "5/10m,10/24h", "requests that one user's app is asked", func(l *verify.Limits) *[]verify.Limit { return &l.Prompts }),
	limits("NOD_LIMIT_WRONG_CODES", "12/24h,100/8760h", "wrong codes of one user; who comes to one over a year or more is locked until unlocked", func(l *verify.Limits) *[]verify.Limit { return &l.WrongCodes }),
	limit("NOD_LIMIT_WRONG_CODES_ALL", "10000/24h", "wrong codes of all users; then you are told, and new sessions get longer codes", 1_000_000, 24*time.Hour, func(l *verify.Limits) *verify.Limit { return &l.WrongCodesAll }),
	limit("NOD_LIMIT_FATIGUE", "3/15m", "requests denied or ignored in a row; then for so long nothing starts by itself", 1000, 0, func(l *verify.Limits) *verify.Limit { return &l.Fatigue }),
	limit("NOD_LIMIT_PREFIX", "10/10m", "codes to numbers that begin alike, if nobody types them; then none for 15 minutes, doubling to 12 hours", 1000, 0, func(l *verify.Limits) *verify.Limit { return &l.Prefix }),
	{"NOD_LIMIT_BUDGETS", "auto", "off, record_only, deny or auto (record_only for the first seven days, then deny): what becomes of a code when too few of those to its country, or asked for by its address, were typed", false, func(c *config, v string) error {
		c.Policy.Limits.Budgets = verify.BudgetMode(v)
		return oneOf(v, string(verify.BudgetOff), string(verify.BudgetRecord), string(verify.BudgetDeny), string(verify.BudgetAuto))
	}},
	{"NOD_LIMIT_REQUESTS_IP", "600/1m", "off, or a whole number up to 1000000 and /1m: requests of one address to one node, calls with an API key apart", false, func(c *config, v string) error {
		l, err := parseLimit(v, 1_000_000, time.Minute)
		c.guards.RequestsIP = orAny(l.N)
		return err
	}},
	{"NOD_LIMIT_SOCKETS_IP", "1000", "off, or a whole number from 1 to 1000000: connections that one address may hold to one node", false, func(c *config, v string) error {
		if v == off {
			c.guards.SocketsIP = orAny(0)
			return nil
		}
		n, err := strconv.Atoi(v)
		if err != nil {
			return err
		}
		c.guards.SocketsIP = n
		return between(1, 1_000_000)(n)
	}},
	{"NOD_SMS_COUNTRIES", "", "comma-separated countries, two letters each (ISO 3166-1), that codes may go to over SMS and calls, for example DE,AT,CH; without it, all", false, func(c *config, v string) error {
		c.Policy.Limits.Countries = list(strings.ToUpper(v))
		return every(c.Policy.Limits.Countries, verify.KnownCountry)
	}},
	{"NOD_SPEND_CAP", "", "an amount above 0 like 250 or 99.50, in the currency of NOD_PRICES_FILE: what codes may cost in a day (UTC); needs NOD_PRICES_FILE. Without it, any amount", false, func(c *config, v string) (err error) {
		c.Policy.Limits.SpendCap, err = parseAmount(v)
		return err
	}},
	{"NOD_GEOIP_FILE", "", "the path of a file that says in which country an address is (.mmdb), for example GeoLite2-Country.mmdb; it is read at the start", false, func(c *config, v string) (err error) {
		c.guards.GeoIP, err = readWhole(v)
		return err
	}},
	{"NOD_PRESEND_URL", "", "an http:// or https:// URL that is asked before a code leaves over SMS or calls, with NOD_WEBHOOK_SECRET; it is asked directly, never through a proxy", true, func(c *config, v string) error {
		c.guards.Presend.URL = v
		return webURL(v)
	}},
	duration("NOD_PRESEND_TIMEOUT", "1s", 3*time.Second, func(c *config) *time.Duration { return &c.guards.Presend.Timeout }),
	{"NOD_PRESEND_DEFAULT", "deny", "deny or allow: what holds when NOD_PRESEND_URL does not answer in time", false, func(c *config, v string) error {
		c.guards.Presend.Open = v == "allow"
		return oneOf(v, "allow", "deny")
	}},
}

// The longest span of a limit, and how many one setting may hold.
const (
	limitLongest = 366 * 24 * time.Hour // what is counted is kept for no longer
	limitPairs   = 3
)

// limits is a setting of up to three limits of which all hold.
func limits(name, value, what string, field func(*verify.Limits) *[]verify.Limit) setting {
	allowed := fmt.Sprintf("off, or up to %d comma-separated limits like 5/1h: a whole number from 1 to 1000, / and a duration from 1s to 8784h: %s", limitPairs, what)
	return setting{name, value, allowed, false, func(c *config, v string) error {
		to := field(&c.Policy.Limits)
		*to = nil
		if v == off {
			return nil
		}
		for _, s := range list(v) {
			l, err := parseLimit(s, 1000, 0)
			if err != nil || s == off {
				return errNotAllowed
			}
			*to = append(*to, l)
		}
		return between(1, limitPairs)(len(*to))
	}}
}

// limit is a setting of one limit, whose span may be given (0: any).
func limit(name, value, what string, most int, per time.Duration, field func(*verify.Limits) *verify.Limit) setting {
	form := "a duration from 1s to 8784h"
	if per != 0 {
		form = "24h"
	}
	allowed := fmt.Sprintf("off, or a limit like %s: a whole number from 1 to %d, / and %s: %s", value, most, form, what)
	return setting{name, value, allowed, false, func(c *config, v string) (err error) {
		*field(&c.Policy.Limits), err = parseLimit(v, most, per)
		return err
	}}
}

// parseLimit reads off, which is zero, or so many in how long; the span must be per,
// unless that is 0.
func parseLimit(v string, most int, per time.Duration) (l verify.Limit, err error) {
	if v == off {
		return l, nil
	}
	n, span, _ := strings.Cut(v, "/")
	if l.N, err = strconv.Atoi(strings.TrimSpace(n)); err == nil {
		l.Per, err = parseDuration(strings.TrimSpace(span), limitLongest)
	}
	if err != nil || l.N < 1 || l.N > most || (per != 0 && l.Per != per) {
		return verify.Limit{}, errNotAllowed
	}
	return l, nil
}

// orAny is how a room that has a default of its own is told that there is no limit.
func orAny(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

var amountForm = regexp.MustCompile(`^([0-9]{1,9})(?:\.([0-9]{1,6}))?$`)

// parseAmount reads an amount of money above 0, in micro-units: exactly, as nothing that
// floats could.
func parseAmount(v string) (micros int64, err error) {
	parts := amountForm.FindStringSubmatch(v)
	if parts == nil {
		return 0, errNotAllowed
	}
	micros, err = strconv.ParseInt(parts[1]+(parts[2] + "000000")[:6], 10, 64)
	if err == nil && micros == 0 {
		err = errNotAllowed
	}
	return micros, err
}

// agree checks what no setting can say alone, and reads the file of places.
func (g *guards) agree(c *config) (err error) {
	if c.Policy.Limits.SpendCap > 0 && c.providers.Prices == nil {
		return errors.New("NOD_SPEND_CAP needs NOD_PRICES_FILE: what a code costs, by provider and country")
	}
	if g.GeoIP != nil {
		if g.places, err = geoip.New(g.GeoIP); err != nil {
			return fmt.Errorf("NOD_GEOIP_FILE: %w", err)
		}
	}
	return nil
}

// place tells in which country an address is; nil: nobody knows.
func (g *guards) place() func(ip string) string {
	if g.places == nil {
		return nil
	}
	return g.places.Country
}
