package redisbroker

import (
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// errURL never repeats the URL: it holds a password.
var errURL = errors.New("a Redis URL is redis://[user:password@]host[:port][/database], " +
	"redis+sentinel://[user:password@]host[:port],host[:port]…/master[/database][?sentinel_user=…&sentinel_password=…] or " +
	"redis+cluster://[user:password@]host[:port],host[:port]…; rediss, rediss+sentinel and rediss+cluster speak TLS; " +
	"in user and password other characters than letters and digits are written as %XX")

// Check tells whether Open takes the URL. Its error says what is allowed and
// never repeats the URL.
func Check(raw string) error {
	_, err := parse(raw)
	return err
}

// address is a Redis URL, taken apart.
type address struct {
	kind           string // "", "sentinel" or "cluster"
	secure         bool
	user, password string
	hosts          []string // host:port
	database       int

	// Of Sentinel: the name of the master, and what the Sentinels themselves ask for.
	master, sentinelUser, sentinelPassword string
}

// parse reads a URL by hand, because net/url knows no list of hosts.
func parse(raw string) (address, error) {
	scheme, rest, _ := strings.Cut(raw, "://")
	transport, kind, _ := strings.Cut(scheme, "+")
	a := address{kind: kind, secure: transport == "rediss"}
	if transport != "redis" && transport != "rediss" || strings.HasSuffix(scheme, "+") || strings.Contains(rest, "#") {
		return a, errURL
	}
	rest, query, _ := strings.Cut(rest, "?")
	if !a.credentials(query) {
		return a, errURL
	}
	authority, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		var err1, err2 error
		a.user, err1 = url.PathUnescape(user)
		a.password, err2 = url.PathUnescape(password)
		if err1 != nil || err2 != nil {
			return a, errURL
		}
		authority = authority[at+1:]
	}
	port, database := "6379", path
	switch kind {
	case "":
		if strings.Contains(authority, ",") {
			return a, errURL
		}
	case "sentinel":
		port = "26379"
		if a.master, database, _ = strings.Cut(path, "/"); a.master == "" {
			return a, errURL
		}
	case "cluster":
		if database != "" {
			return a, errURL // a cluster has only one
		}
	default:
		return a, errURL
	}
	if database != "" {
		n, err := strconv.ParseUint(database, 10, 16)
		if err != nil {
			return a, errURL
		}
		a.database = int(n)
	}
	for host := range strings.SplitSeq(authority, ",") {
		full, ok := hostPort(host, port)
		if !ok {
			return a, errURL
		}
		a.hosts = append(a.hosts, full)
	}
	return a, nil
}

// credentials takes the ones of the Sentinels; there are no other parameters.
func (a *address) credentials(query string) bool {
	values, err := url.ParseQuery(query)
	if err != nil || len(values) > 0 && a.kind != "sentinel" {
		return false
	}
	a.sentinelUser, a.sentinelPassword = values.Get("sentinel_user"), values.Get("sentinel_password")
	values.Del("sentinel_user")
	values.Del("sentinel_password")
	return len(values) == 0
}

// hostPort adds the port where none is written.
func hostPort(host, port string) (string, bool) {
	if !strings.Contains(strings.TrimPrefix(host, "["), ":") || strings.HasSuffix(host, "]") {
		host = net.JoinHostPort(strings.Trim(host, "[]"), port)
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil || name == "" {
		return "", false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return host, err == nil && n > 0
}

// Limits of one connection. The broker's own bounds are shorter; these end what
// nobody waits for any more.
const (
	dialLimit  = time.Second
	replyLimit = time.Second
	poolSize   = 16
)

// client makes the go-redis client of the URL. It never repeats a command by
// itself: an answer that did not come may have been a message that did arrive.
func (a address) client() redis.UniversalClient {
	var secure *tls.Config
	if a.secure {
		secure = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	o := redis.UniversalOptions{
		Addrs: a.hosts, MasterName: a.master, IsClusterMode: a.kind == "cluster", DB: a.database,
		Username: a.user, Password: a.password, SentinelUsername: a.sentinelUser, SentinelPassword: a.sentinelPassword,
		Dialer:   dialer(secure),
		Protocol: 2, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
		DialTimeout: dialLimit, ReadTimeout: replyLimit, WriteTimeout: replyLimit, PoolSize: poolSize, PoolTimeout: replyLimit,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	return redis.NewUniversalClient(&o)
}
