package throwaway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Postgres is a server with an empty database.
type Postgres struct {
	// URL opens its database as the superuser "nod", without a password. It stays
	// the same over Stop and Start.
	URL    string
	Folder string // data and log
	child  child
	kept   bool
}

// StartPostgres makes a new cluster with the newest Postgres that is installed and
// starts it. settings are name=value, as in postgresql.conf; without any other
// word it runs without fsync, so a power cut (and nothing else) loses data.
func StartPostgres(settings ...string) (*Postgres, error) {
	bin, err := PostgresBin()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "nod-postgres-")
	if err != nil {
		return nil, err
	}
	p := &Postgres{Folder: folder}
	if err := p.create(bin, settings); err != nil {
		p.Close()
		return nil, fmt.Errorf("starting Postgres: %w", err)
	}
	return p, nil
}

// KeepPostgres starts the server of a folder that stays when it is closed. What is not
// there it makes, as [StartPostgres] does.
func KeepPostgres(folder string, settings ...string) (*Postgres, error) {
	bin, err := PostgresBin()
	if err != nil {
		return nil, err
	}
	if folder, err = filepath.Abs(folder); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	p := &Postgres{Folder: folder, kept: true}
	if err := p.create(bin, settings); err != nil {
		p.Close()
		return nil, fmt.Errorf("starting Postgres: %w", err)
	}
	return p, nil
}

// FindPostgres returns the URL that TEST_POSTGRES_URL names or, without it, that
// of a new server, which stop ends.
func FindPostgres() (url string, stop func(), err error) {
	if there := os.Getenv("TEST_POSTGRES_URL"); there != "" {
		return there, func() {}, nil
	}
	p, err := StartPostgres()
	if err != nil {
		return "", func() {}, err
	}
	return p.URL, p.Close, nil
}

func (p *Postgres) create(bin string, settings []string) error {
	owner, err := unprivileged(p.Folder)
	if err != nil {
		return err
	}
	data := filepath.Join(p.Folder, "data")
	run := func(name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(context.Background(), filepath.Join(bin, name), args...) //nolint:gosec // the server's own programs
		cmd.Dir, cmd.SysProcAttr = p.Folder, &syscall.SysProcAttr{Credential: owner, Pdeathsig: syscall.SIGQUIT}
		return cmd
	}
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err != nil { // else it was kept
		if out, err := run("initdb", "-D", data, "-U", "nod", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C").CombinedOutput(); err != nil {
			return fmt.Errorf("initdb: %w: %s", err, out)
		}
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	args := []string{"-D", data, "-p", port, "-k", p.Folder}
	for _, s := range append([]string{"listen_addresses=127.0.0.1", "max_connections=300", "fsync=off"}, settings...) {
		args = append(args, "-c", s)
	}
	p.URL = "postgres://nod@127.0.0.1:" + port + "/postgres?sslmode=disable"
	p.child = child{
		make: func() *exec.Cmd { return run("postgres", args...) },
		log:  filepath.Join(p.Folder, "log"),
		alive: func() error {
			out, err := run("pg_isready", "-h", "127.0.0.1", "-p", port).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		},
	}
	return p.child.start()
}

// Stop ends the server at once, as `pg_ctl stop -m immediate` does: what was
// committed is found again by recovery, what was under way is lost.
func (p *Postgres) Stop() { p.child.end(syscall.SIGQUIT) }

// Start starts a stopped server again and waits until it answers.
func (p *Postgres) Start() error { return p.child.start() }

// Pause freezes the server with all connections open; Resume lets it go on.
func (p *Postgres) Pause() { p.child.signalAll(syscall.SIGSTOP) }

// Resume is the end of Pause.
func (p *Postgres) Resume() { p.child.signalAll(syscall.SIGCONT) }

// Close ends the server and deletes its data, unless they are kept: then it ends as
// `pg_ctl stop` does, with everything on the disk.
func (p *Postgres) Close() {
	if p.kept {
		p.child.end(syscall.SIGINT)
		return
	}
	if p.child.cmd != nil {
		p.Resume()
		p.Stop()
	}
	_ = os.RemoveAll(p.Folder)
}

// PostgresBin is the folder of the newest Postgres that is installed.
func PostgresBin() (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return "", errors.Join(errors.New("none is installed"), err)
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4])
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
}

// unprivileged gives the folder to the user postgres when we are root, because
// the server refuses to run as root.
func unprivileged(folder string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(folder, int(uid), int(gid))
}
