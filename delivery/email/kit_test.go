package email_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nod/delivery"
	"nod/delivery/email"
	"nod/deploy/providers"
	"nod/verify"
)

// known is a certificate that this process's system roots vouch for, strange one
// that nobody does.
var known, strange tls.Certificate

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(runner(func() int {
		dir, err := os.MkdirTemp("", "nod-email")
		if err != nil {
			panic(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		known, strange = certificate(), certificate()
		// As an operator makes an authority of their own known, see crypto/x509.
		roots := filepath.Join(dir, "roots.pem")
		if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: known.Certificate[0]}), 0o600); err != nil {
			panic(err)
		}
		for name, value := range map[string]string{"SSL_CERT_FILE": roots, "SSL_CERT_DIR": dir} {
			if err := os.Setenv(name, value); err != nil {
				panic(err)
			}
		}
		return m.Run()
	}))
}

type runner func() int

func (r runner) Run() int { return r() }

// certificate makes one for this machine, signed by itself.
func certificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "smtp.example"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4zero, net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// kind is how a relay is spoken to.
type kind string

// The kinds. 0.0.0.0 leads to this machine (see net.Dial) and is no loopback
// address, so that nod treats it as any other host.
const (
	plain    kind = "smtp://127.0.0.1"
	startTLS kind = "smtp://0.0.0.0"
	implicit kind = "smtps://127.0.0.1"
)

const sender = "Example <no-reply@example.com>"

// relay is one on this machine, and its URL for a client who knows the password.
func relay(t testing.TB, k kind, with tls.Certificate) (*providers.SMTP, string) {
	t.Helper()
	judge := &providers.SMTP{User: "us:er@example.com", Password: rand.Text() + "/@: %"}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	switch config := (&tls.Config{Certificates: []tls.Certificate{with}}); k {
	case startTLS:
		judge.TLS = config
	case implicit:
		l = tls.NewListener(l, config)
	}
	served := make(chan error, 1)
	go func() { served <- judge.Serve(l) }()
	t.Cleanup(func() {
		judge.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return judge, strings.Replace(fmt.Sprintf("%s:%d", k, port), "//", "//"+url.UserPassword(judge.User, judge.Password).String()+"@", 1)
}

// relays is a relay and a client of it.
func relays(t testing.TB, k kind) (*providers.SMTP, *email.Client) {
	t.Helper()
	judge, to := relay(t, k, known)
	client, err := email.New(email.Config{URL: to, From: sender})
	if err != nil {
		t.Fatal(err)
	}
	return judge, client
}

const mailbox = "ada@example.org"

func code() delivery.Message {
	return delivery.Message{DeliveryID: "dlv_0123", Channel: verify.Email, Email: mailbox, Language: "de",
		Code: "123456", Title: "Ihr Code für example.com", Text: "123456 ist Ihr Code für example.com.\n\nEr gilt 10 Minuten."}
}
