package throwaway

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// StartRedisTLS starts a server that speaks TLS only; Do does not work with it.
// authority is a file with the certificate to trust, for SSL_CERT_FILE: Go reads
// that once, so it has to be set before a process verifies anything.
func StartRedisTLS() (r *Redis, authority string, err error) {
	if r, err = newRedis(); err != nil {
		return nil, "", err
	}
	authority, key := filepath.Join(r.dir, "cert.pem"), filepath.Join(r.dir, "key.pem")
	roots, err := certify(authority, key)
	if err != nil {
		r.Close()
		return nil, "", err
	}
	r.URL = "rediss://" + r.Addr
	alive := func() error {
		c, err := (&tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}).DialContext(context.Background(), "tcp", r.Addr)
		if err != nil {
			return err
		}
		return c.Close()
	}
	return r, authority, r.run(alive, "--port", "0", "--tls-port", portOf(r.Addr), "--tls-auth-clients", "no",
		"--tls-cert-file", authority, "--tls-key-file", key, "--tls-ca-cert-file", authority)
}

// certify writes a key and a certificate for 127.0.0.1 that signs itself.
func certify(certFile, keyFile string) (*x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "throwaway"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(public)
	return roots, errors.Join(
		os.WriteFile(certFile, public, 0o600),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}

// Sentinel is a master with a replica, watched by one Sentinel: when the master
// is stopped, the replica takes its place within some two seconds.
type Sentinel struct {
	URL             string // redis+sentinel://…/nod
	Master, Replica *Redis // as they were when it started
	watcher         *Redis
}

// StartSentinel starts the three and waits until the Sentinel knows both others.
func StartSentinel() (*Sentinel, error) {
	s := new(Sentinel)
	if err := s.start(); err != nil {
		s.Close()
		return nil, fmt.Errorf("starting Sentinel: %w", err)
	}
	return s, nil
}

func (s *Sentinel) start() (err error) {
	if s.Master, err = StartRedis(); err != nil {
		return err
	}
	port := portOf(s.Master.Addr)
	if s.Replica, err = StartRedis("--replicaof", "127.0.0.1", port, "--repl-diskless-sync-delay", "0"); err != nil {
		return err
	}
	if s.watcher, err = newRedis(); err != nil {
		return err
	}
	s.URL = "redis+sentinel://" + s.watcher.Addr + "/nod"
	config := filepath.Join(s.watcher.dir, "sentinel.conf") // it is written to
	lines := []string{
		"bind 127.0.0.1", "port " + portOf(s.watcher.Addr), "dir " + s.watcher.dir,
		"sentinel monitor nod 127.0.0.1 " + port + " 1",
		"sentinel down-after-milliseconds nod 500", "sentinel failover-timeout nod 3000",
	}
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	s.watcher.child = child{
		make: func() *exec.Cmd {
			cmd := exec.CommandContext(context.Background(), "redis-server", config, "--sentinel") //nolint:gosec // our own file
			cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			return cmd
		},
		log: filepath.Join(s.watcher.dir, "log"),
		alive: func() error {
			replicas, err := s.watcher.Do("SENTINEL", "REPLICAS", "nod")
			if err == nil && replicas != "*1" {
				err = errors.New("it does not know the replica yet")
			}
			return err
		},
	}
	return s.watcher.child.start()
}

// Close ends all three.
func (s *Sentinel) Close() {
	for _, r := range []*Redis{s.watcher, s.Replica, s.Master} {
		if r != nil {
			r.Close()
		}
	}
}

// Cluster is three masters without replicas.
type Cluster struct {
	URL   string // redis+cluster://…
	Nodes []*Redis
}

// slots of a Redis Cluster.
const slots = 16384

// StartCluster starts three servers, joins them and waits until each knows it,
// some three seconds.
func StartCluster() (*Cluster, error) {
	c := new(Cluster)
	if err := c.start(3); err != nil {
		c.Close()
		return nil, fmt.Errorf("starting Cluster: %w", err)
	}
	return c, nil
}

func (c *Cluster) start(size int) error {
	var addrs, buses []string
	for range size {
		bus, err := freePort()
		if err != nil {
			return err
		}
		r, err := StartRedis("--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "500")
		if err != nil {
			return err
		}
		c.Nodes, addrs, buses = append(c.Nodes, r), append(addrs, r.Addr), append(buses, bus)
	}
	c.URL = "redis+cluster://" + strings.Join(addrs, ",")
	for i, r := range c.Nodes {
		_, err1 := r.Do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		_, err2 := r.Do("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(slots*i/size), strconv.Itoa(slots*(i+1)/size-1))
		_, err3 := c.Nodes[0].Do("CLUSTER", "MEET", "127.0.0.1", portOf(r.Addr), buses[i])
		if err := errors.Join(err1, err2, err3); err != nil {
			return err
		}
	}
	for _, r := range c.Nodes {
		// A node that is no part of a whole cluster answers CLUSTERDOWN; one that is
		// may say that the key is another's.
		r.child.alive = func() error {
			_, err := r.Do("GET", "a")
			if err != nil && strings.HasPrefix(err.Error(), "-MOVED") {
				return nil
			}
			return err
		}
		if err := r.child.await(); err != nil {
			return err
		}
	}
	for _, r := range c.Nodes { // short, so that they trust each other soon; now a slow machine is no failure
		if _, err := r.Do("CONFIG", "SET", "cluster-node-timeout", "15000"); err != nil {
			return err
		}
	}
	return nil
}

// Close ends all.
func (c *Cluster) Close() {
	for _, r := range c.Nodes {
		r.Close()
	}
}

func portOf(addr string) string { return addr[strings.LastIndex(addr, ":")+1:] }
