package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"nod/hub/redisbroker"
	"nod/verify"
)

// config is what the environment says, checked. A setting that is not there has
// its default; see settings for the names.
type config struct {
	Addr           string
	PublicURL      string // empty until the listener's address is known
	DatabaseURL    string
	RedisURL       string // empty: this node is the only one
	Secret         string // empty: kept beside the SQLite file
	SecretPrevious string
	APIKeys        []string
	Origins        []string
	Proxies        []netip.Prefix
	UserJWKSURL    string
	UserJWTSecret  string
	UserJWTIssuer  string
	Simulator      *bool // nil: on while the public URL is loopback
	Demo           *bool // nil: on while the simulator is
	LogLevel       slog.Level
	LogFormat      string
	MetricsAddr    string
	Analytics      bool
	Retention      time.Duration // of events and of what was counted of them
	Policy         verify.Policy
	AutoDelays     bool // what was counted decides on resend delays; Policy has those until then
	providers      providers
	guards         guards
}

// setting is one variable: how it is read, and what is allowed, in words for
// the person who set it wrong.
type setting struct {
	name    string
	value   string // the default
	allowed string
	secret  bool
	set     func(c *config, v string) error
}

var errNotAllowed = errors.New("not allowed")

// settings are all variables of this version, in the order of the contract.
var settings = slices.Concat(serverSettings, providerSettings, analyticsSettings, policySettings, limitSettings)

var serverSettings = []setting{
	{"NOD_ADDR", "127.0.0.1:8080", "host:port", false, func(c *config, v string) error {
		_, _, err := net.SplitHostPort(v)
		c.Addr = v
		return err
	}},
	{"NOD_PUBLIC_URL", "", "http:// or https://, a host, no path; needed when NOD_ADDR is not loopback", false, func(c *config, v string) (err error) {
		c.PublicURL, err = origin(v)
		return err
	}},
	{"NOD_DATABASE_URL", "sqlite:nod.db", "sqlite:PATH or postgres://…", true, func(c *config, v string) error {
		c.DatabaseURL = v
		if p, ok := strings.CutPrefix(v, "sqlite:"); (ok && p != "") || strings.HasPrefix(v, "postgres://") || strings.HasPrefix(v, "postgresql://") {
			return nil
		}
		return errNotAllowed
	}},
	{"NOD_REDIS_URL", "", "redis://, rediss://, redis+sentinel://host:port,…/master or redis+cluster://host:port,…; without it nod is the only node", true, func(c *config, v string) error {
		c.RedisURL = v
		return redisbroker.Check(v)
	}},
	{"NOD_SECRET", "", "32 bytes or more, for example from: openssl rand -base64 32", true, func(c *config, v string) error {
		c.Secret = v
		return atLeast32(v)
	}},
	{"NOD_SECRET_PREVIOUS", "", "32 bytes or more: the secret before, while it is being rotated", true, func(c *config, v string) error {
		c.SecretPrevious = v
		return atLeast32(v)
	}},
	{"NOD_API_KEYS", "", "comma-separated, each nod_sk_ and at least 32 of A-Z a-z 0-9 _ -", true, func(c *config, v string) error {
		c.APIKeys = list(v)
		return every(c.APIKeys, apiKeyForm.MatchString)
	}},
	{"NOD_ALLOWED_ORIGINS", "", "comma-separated origins: scheme, host and port, no path", false, func(c *config, v string) error {
		for _, o := range list(v) {
			o, err := origin(o)
			if err != nil {
				return err
			}
			c.Origins = append(c.Origins, o)
		}
		return nil
	}},
	{"NOD_TRUSTED_PROXIES", "", "comma-separated addresses or networks, for example 10.0.0.0/8", false, func(c *config, v string) error {
		for _, s := range list(v) {
			p, err := prefix(s)
			if err != nil {
				return err
			}
			c.Proxies = append(c.Proxies, p)
		}
		return nil
	}},
	{"NOD_USER_JWKS_URL", "", "an http:// or https:// URL", false, func(c *config, v string) error {
		c.UserJWKSURL = v
		return webURL(v)
	}},
	{"NOD_USER_JWT_SECRET", "", "32 bytes or more (HS256)", true, func(c *config, v string) error {
		c.UserJWTSecret = v
		return atLeast32(v)
	}},
	{"NOD_USER_JWT_ISSUER", "", "the iss of external user tokens", false, func(c *config, v string) error {
		c.UserJWTIssuer = v
		return nil
	}},
}

// analyticsSettings keep the names that the founding document gave them.
var analyticsSettings = []setting{
	{"ANALYTICS_ENABLED", "true", "true or false: whether events are counted, for figures, recommendations and the console", false, func(c *config, v string) (err error) {
		c.Analytics, err = strconv.ParseBool(v)
		return err
	}},
	{"ANALYTICS_RETENTION_DAYS", "90", "a whole number from 1 to 3650: after so many days events, and what was counted of them, are deleted", false, func(c *config, v string) error {
		days, err := strconv.Atoi(v)
		if err != nil {
			return err
		}
		c.Retention = time.Duration(days) * 24 * time.Hour
		return between(1, 3650)(days)
	}},
}

var policySettings = []setting{
	count("NOD_CODE_LENGTH", "6", 4, 10, func(c *config) *int { return &c.Policy.CodeLength }),
	duration("NOD_CODE_TTL", "600s", time.Hour, func(c *config) *time.Duration { return &c.Policy.CodeLife }),
	count("NOD_MAX_ATTEMPTS", "3", 1, 10, func(c *config) *int { return &c.Policy.TriesPerCode }),
	{"NOD_RESEND_DELAYS", resendDelays, "auto (from what was counted, 30s to 300s, and " + resendDelays + " until that says something), or 1 to 10 comma-separated durations from 1s to 1h, not falling", false, func(c *config, v string) error {
		if c.AutoDelays = v == "auto"; c.AutoDelays {
			v = resendDelays
		}
		c.Policy.ResendDelays = nil
		for _, s := range list(v) {
			d, err := parseDuration(s, time.Hour)
			if err != nil {
				return err
			}
			c.Policy.ResendDelays = append(c.Policy.ResendDelays, d)
		}
		if !slices.IsSorted(c.Policy.ResendDelays) {
			return errNotAllowed
		}
		return between(1, 10)(len(c.Policy.ResendDelays))
	}},
	count("NOD_MAX_RESENDS", "3", 0, 10, func(c *config) *int { return &c.Policy.Resends }),
	duration("NOD_SESSION_TIMEOUT", "3600s", 24*time.Hour, func(c *config) *time.Duration { return &c.Policy.SessionLife }),
	duration("NOD_PROMPT_TTL", "120s", time.Hour, func(c *config) *time.Duration { return &c.Policy.PromptLife }),
	duration("NOD_WS_ACK_TIMEOUT", "5s", time.Minute, func(c *config) *time.Duration { return &c.Policy.SocketTimeout }),
	duration("NOD_PUSH_ACK_TIMEOUT", "25s", time.Hour, func(c *config) *time.Duration { return &c.Policy.PushTimeout }),
	{"NOD_SIMULATOR", "", "true or false; without it, on while NOD_PUBLIC_URL is loopback", false, func(c *config, v string) error {
		return boolean(&c.Simulator, v)
	}},
	{"NOD_DEMO", "", "true or false; without it, on while the simulator is", false, func(c *config, v string) error {
		return boolean(&c.Demo, v)
	}},
	{"NOD_LOG_LEVEL", "info", "debug, info, warn or error", false, func(c *config, v string) error {
		return c.LogLevel.UnmarshalText([]byte(v))
	}},
	{"NOD_LOG_FORMAT", "", "text or json; without it, text on a terminal", false, func(c *config, v string) error {
		c.LogFormat = v
		return oneOf(v, "text", "json")
	}},
	{"NOD_METRICS_ADDR", "", "host:port for /metrics alone; without it, /metrics stands on NOD_ADDR", false, func(c *config, v string) error {
		_, _, err := net.SplitHostPort(v)
		c.MetricsAddr = v
		return err
	}},
}

// resendDelays are the contract's.
const resendDelays = "60s,120s,300s"

// later are variables of the contract that this version has no use for: who sets
// one must hear so, or would think that it works.
var later = []string{
	"NOD_EVENTS_URL", "OTEL_EXPORTER_OTLP_ENDPOINT",
}

// unused names the variables that are set in vain.
func unused(getenv func(string) string) []string {
	var names []string
	for _, name := range later {
		if getenv(name) != "" {
			names = append(names, name)
		}
	}
	return names
}

// apiKeyForm is what an API key looks like.
var apiKeyForm = regexp.MustCompile(`^nod_sk_[A-Za-z0-9_-]{32,}$`)

// variableForm is what a name looks like, rightly spelled or not.
var variableForm = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$`)

// values looks every setting up: in the environment, then in the file that
// NOD_CONFIG names (lines of NAME=value), else the default. A name in the file
// that is no setting is an error, so a slip is not silently ignored.
func values(getenv func(string) string) (map[string]string, error) {
	out := map[string]string{}
	for _, s := range settings {
		out[s.name] = s.value
	}
	if path := getenv("NOD_CONFIG"); path != "" {
		text, err := os.ReadFile(path) //nolint:gosec // the operator's own file
		if err != nil {
			return nil, fmt.Errorf("NOD_CONFIG: %w", err)
		}
		if err := readFile(text, out); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	for _, s := range settings {
		if v := getenv(s.name); v != "" {
			out[s.name] = v
		}
	}
	return out, nil
}

func readFile(text []byte, out map[string]string) error {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, v, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if _, known := out[name]; !ok || !known {
			what := "this" // it may be the rest of a secret that was broken over two lines
			if variableForm.MatchString(name) {
				what = name
			}
			return fmt.Errorf("line %d: %s is no setting; `nod config` lists them", n, what)
		}
		out[name] = strings.Trim(strings.TrimSpace(v), `"`)
	}
	return lines.Err()
}

// readConfig reads and checks everything. The error names the variable and what
// is allowed, never its value.
func readConfig(getenv func(string) string) (config, error) {
	c := config{Policy: verify.DefaultPolicy()}
	vs, err := values(getenv)
	if err != nil {
		return c, err
	}
	for _, s := range settings {
		if vs[s.name] == "" {
			continue
		}
		err := s.set(&c, vs[s.name])
		if _, unread := errors.AsType[*fs.PathError](err); unread {
			return c, fmt.Errorf("%s names a file that cannot be read: %w", s.name, err)
		}
		if err != nil {
			return c, fmt.Errorf("%s has a value that is not allowed. Allowed: %s", s.name, s.allowed)
		}
	}
	return c, errors.Join(c.agree(), c.providers.agree(c.guards.Presend.URL), c.guards.agree(&c))
}

// agree checks what no setting can say alone.
func (c *config) agree() error {
	host, _, _ := net.SplitHostPort(c.Addr)
	switch {
	case !loopback(host) && c.PublicURL == "":
		return errors.New("NOD_PUBLIC_URL is needed when NOD_ADDR is not loopback: the address that phones and pages use, for example https://verify.example.com")
	case c.Policy.PromptLife > c.Policy.SessionLife:
		return errors.New("NOD_PROMPT_TTL must not be longer than NOD_SESSION_TIMEOUT")
	case c.AutoDelays && !c.Analytics:
		return errors.New("NOD_RESEND_DELAYS is auto, which goes by what is counted: set ANALYTICS_ENABLED=true, or durations such as " + resendDelays)
	case c.UserJWTIssuer == "" && (c.UserJWKSURL != "" || c.UserJWTSecret != ""):
		return errors.New("NOD_USER_JWT_ISSUER is needed with NOD_USER_JWKS_URL or NOD_USER_JWT_SECRET: the iss of the tokens to accept")
	case c.RedisURL != "" && c.sqlitePath() != "":
		return errors.New("NOD_REDIS_URL is for several nodes, and they share a database: set NOD_DATABASE_URL to postgres://…")
	case c.Secret == "" && !(c.sqlitePath() != "" && loopback(host)):
		return errors.New("NOD_SECRET is needed unless nod runs on loopback with SQLite: 32 bytes or more, for example from: openssl rand -base64 32")
	}
	return nil
}

// sqlitePath is the database file; empty on Postgres.
func (c *config) sqlitePath() string {
	p, _ := strings.CutPrefix(c.DatabaseURL, "sqlite:")
	if p == c.DatabaseURL {
		return ""
	}
	return p
}

// publicURL is the public URL as far as it is known before nod listens.
func (c *config) publicURL() string { return cmp.Or(c.PublicURL, "http://"+c.Addr) }

// local reports whether the public URL is this machine's own.
func (c *config) local() bool {
	u, err := url.Parse(c.PublicURL)
	return err == nil && loopback(u.Hostname())
}

func (c *config) simulator() bool { return orElse(c.Simulator, c.local()) }
func (c *config) demo() bool      { return orElse(c.Demo, c.simulator()) }

// printConfig writes the effective values as a file that NOD_CONFIG could name,
// with secrets masked. Where a default follows from other settings it is shown.
func printConfig(w io.Writer, c config, getenv func(string) string) error {
	vs, err := values(getenv)
	if err != nil {
		return err
	}
	c.PublicURL = c.publicURL()
	vs["NOD_PUBLIC_URL"] = c.PublicURL
	vs["NOD_SIMULATOR"], vs["NOD_DEMO"] = strconv.FormatBool(c.simulator()), strconv.FormatBool(c.demo())
	for _, s := range settings {
		v := vs[s.name]
		if s.secret && v != "" && v != s.value {
			v = "[set]"
		}
		if _, err := fmt.Fprintf(w, "# %s\n%s=%s\n", s.allowed, s.name, v); err != nil {
			return err
		}
	}
	return nil
}

func count(name, value string, low, high int, field func(*config) *int) setting {
	return setting{name, value, fmt.Sprintf("a whole number from %d to %d", low, high), false, func(c *config, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil {
			return err
		}
		*field(c) = n
		return between(low, high)(n)
	}}
}

func duration(name, value string, high time.Duration, field func(*config) *time.Duration) setting {
	return setting{name, value, fmt.Sprintf("a duration from 1s to %s, for example 90s or 2m", high), false, func(c *config, v string) (err error) {
		*field(c), err = parseDuration(v, high)
		return err
	}}
}

// parseDuration takes Go durations and, as the seeds have it, plain seconds.
func parseDuration(s string, high time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		d, err = time.ParseDuration(s + "s")
	}
	if err == nil && (d < time.Second || d > high) {
		err = errNotAllowed
	}
	return d, err
}

func between(low, high int) func(int) error {
	return func(n int) error {
		if n < low || n > high {
			return errNotAllowed
		}
		return nil
	}
}

func atLeast32(v string) error {
	if raw, err := base64.StdEncoding.DecodeString(v); err == nil && len(raw) >= 32 {
		return nil
	}
	if len(v) < 32 {
		return errNotAllowed
	}
	return nil
}

func every(vs []string, ok func(string) bool) error {
	if len(vs) == 0 || slices.ContainsFunc(vs, func(v string) bool { return !ok(v) }) {
		return errNotAllowed
	}
	return nil
}

func oneOf(v string, allowed ...string) error {
	if !slices.Contains(allowed, v) {
		return errNotAllowed
	}
	return nil
}

func list(v string) []string {
	var out []string
	for s := range strings.SplitSeq(v, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func boolean(to **bool, v string) error {
	b, err := strconv.ParseBool(v)
	*to = &b
	return err
}

func orElse(b *bool, otherwise bool) bool {
	if b == nil {
		return otherwise
	}
	return *b
}

func webURL(v string) error {
	u, err := url.Parse(v)
	if err == nil && ((u.Scheme != "https" && u.Scheme != "http") || u.Host == "") {
		err = errNotAllowed
	}
	return err
}

// origin reads scheme://host[:port] and nothing more, without a final slash.
func origin(v string) (string, error) {
	v = strings.TrimSuffix(v, "/")
	u, err := url.Parse(v)
	if err == nil && (webURL(v) != nil || u.Scheme+"://"+u.Host != v) {
		err = errNotAllowed
	}
	return v, err
}

func prefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && a.IsLoopback())
}
