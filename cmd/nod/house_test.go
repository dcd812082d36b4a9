package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// The house: every room, what of ours it may import, and why no more. A room that is not here has no floor yet:
// give it one.
var house = map[string]struct {
	may []string
	why string
}{
	"verify":     {nil, "the rules know nothing of ours"},
	"hub":        {nil, "the hub knows nothing of ours"},
	"analytics":  {nil, "figures are counted from what they are given"},
	"migrations": {nil, "SQL text only"},
	"web":        {nil, "built pages only"},
	"client":     {nil, "an integrator takes it alone"},

	"delivery":     {[]string{"verify"}, "a ladder needs neither sockets nor rows, only what sends and stores for it"},
	"server":       {[]string{"verify", "hub", "analytics", "delivery"}, "the server is handed its store and its pages"},
	"server/demo":  {[]string{"client"}, "the demo's integrator has what every integrator has"},
	"server/geoip": {nil, "an address and a file are all it knows"},
	"storage":      {[]string{"delivery", "verify", "analytics", "migrations"}, "a store is wired to nothing above it"},

	"hub/brokertest":  {[]string{"hub"}, "a conformance suite knows what it tests"},
	"hub/redisbroker": {[]string{"hub"}, "a broker serves the hub and nobody else"},

	"delivery/wire":       {[]string{"delivery", "verify"}, "what the providers' clients share knows none of them"},
	"delivery/fcm":        {[]string{"delivery", "delivery/wire", "verify"}, "a provider knows what it sends and nothing of who asks"},
	"delivery/apns":       {[]string{"delivery", "delivery/wire", "verify"}, "as above"},
	"delivery/webpush":    {[]string{"delivery", "delivery/wire", "verify"}, "as above"},
	"delivery/sms":        {[]string{"delivery", "delivery/wire", "verify"}, "it chooses among providers and knows none"},
	"delivery/sms/twilio": {[]string{"delivery", "delivery/wire", "verify"}, "as above"},
	"delivery/sms/vonage": {[]string{"delivery", "delivery/wire", "verify"}, "as above"},
	"delivery/sms/sns":    {[]string{"delivery", "delivery/wire", "verify"}, "as above"},
	"delivery/email":      {[]string{"delivery", "delivery/wire", "verify"}, "as above"},
	"delivery/webhook":    {[]string{"delivery", "delivery/wire", "verify"}, "as above"},

	"deploy/throwaway": {nil, "servers of others know nothing of nod"},
	"deploy/providers": {nil, "servers of others know nothing of nod"},
	"deploy/traffic":   {[]string{"storage", "verify"}, "it counts what people and providers see, and knows no event and no figure"},

	"cmd/nod":         {[]string{"*"}, ""},
	"cmd/bench":       {[]string{"*"}, ""},
	"cmd/bench/load":  {[]string{"client"}, "a load sees a server from outside, as an integrator does"},
	"cmd/bench/peer":  {[]string{"cmd/bench/load"}, "peers are loaded as nod is, and know nothing of it"},
	"cmd/bench/floor": {[]string{"*"}, ""},
	"cmd/cluster":     {[]string{"*"}, ""},
	"cmd/traffic":     {[]string{"deploy/traffic", "storage", "analytics", "verify"}, "it fills a database that the program opens, and is no part of it"},
	"cmd/scale":       {[]string{"*"}, ""},
	"cmd/providers":   {[]string{"deploy/providers"}, "it plays the providers and knows nothing of nod"},
}

// One vendor, one room: outside it nobody knows the library. Tests may, to speak a protocol as a stranger does.
var vendors = map[string][]string{
	"github.com/labstack/echo":      {"server"},
	"github.com/danielgtaylor/huma": {"server"},
	"github.com/coder/websocket":    {"hub"},
	"github.com/redis/go-redis":     {"hub/redisbroker"},
	"github.com/jackc/pgx":          {"storage"},
	"modernc.org/sqlite":            {"storage"},
	"github.com/pressly/goose":      {"storage"},
	"firebase.google.com/go":        {"delivery/fcm"},
	"github.com/sideshow/apns2":     {"delivery/apns"},
	"github.com/SherClockHolmes":    {"delivery/webpush"},
	"github.com/twilio/twilio-go":   {"delivery/sms/twilio"},
	"github.com/aws":                {"delivery/sms/sns"},
	"github.com/wneessen/go-mail":   {"delivery/email"},
	"github.com/failsafe-go":        {"delivery/sms"},
	"github.com/oschwald":           {"server/geoip"},
}

// Rules are pure: what these packages bring has no place in verify, and now is an argument.
var impure = []string{"net/http", "database/sql", "os"}

// Versions that move together or not at all: modernc.org/libc must be the one that this modernc.org/sqlite names, and a
// newer sqlite or goose cannot be resolved whole.
var pins = []string{"modernc.org/sqlite v1.60.1", "modernc.org/libc v1.77.1", "github.com/pressly/goose/v3 v3.28.0"}

// source is one Go file of the tree: its path and its package's, both from the root and with slashes.
type source struct {
	path, room string
	test       bool
	ast        *ast.File
}

func TestArrows(t *testing.T) {
	for _, s := range tree(t) {
		room, ok := house[s.room]
		if !ok {
			t.Errorf("%s: room %s has no floor: give it one in house_test.go", s.path, s.room)
			continue
		}
		for _, name := range imports(t, s) {
			to, ours := strings.CutPrefix(name, "nod/")
			if strings.HasSuffix(s.ast.Name.Name, "_test") {
				continue // a test from outside stands above its room: it may wire what cmd/nod wires
			}
			if ours && to != s.room && !slices.Contains(room.may, "*") && !slices.Contains(room.may, to) {
				t.Errorf("%s imports %s (%s): %s", s.room, to, s.path, room.why)
			}
		}
	}
}

func TestOneVendorOneRoom(t *testing.T) {
	sockets := map[string]bool{}
	for _, s := range tree(t) {
		if s.test || strings.HasPrefix(s.room, "cmd/") && s.room != "cmd/nod" {
			continue
		}
		for _, name := range imports(t, s) {
			for vendor, rooms := range vendors {
				if under(name, vendor) && !slices.Contains(rooms, s.room) {
					t.Errorf("%s imports %s (%s): only %s may", s.room, name, s.path, strings.Join(rooms, ", "))
				}
			}
			if under(name, "github.com/coder/websocket") {
				sockets[s.path] = true
			}
		}
	}
	if len(sockets) > 1 {
		t.Errorf("%v import github.com/coder/websocket: one file of the hub should know it", slices.Sorted(maps.Keys(sockets)))
	}
}

func TestRulesArePure(t *testing.T) {
	for _, s := range tree(t) {
		if s.room != "verify" || s.test {
			continue
		}
		for _, name := range imports(t, s) {
			if slices.Contains(impure, name) {
				t.Errorf("verify imports %s (%s): a rule takes no context, network or store", name, s.path)
			}
		}
		for _, call := range []string{"time.Now", "time.Since", "time.Until", "time.After"} {
			if uses(s, call) {
				t.Errorf("%s calls %s: now is an argument of a rule", s.path, call)
			}
		}
	}
}

func TestHabits(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range tree(t) {
		documented[s.room] = documented[s.room] || !s.test && s.ast.Doc != nil
		if s.test && uses(s, "time.Sleep") {
			t.Errorf("%s sleeps: wait for the event, or use testing/synctest", s.path)
		}
		for _, d := range s.ast.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s has an init function: wire it in run", s.path)
			}
		}
	}
	for room, ok := range documented {
		if !ok {
			t.Errorf("package %s has no comment: what does it promise, and why is it so?", room)
		}
	}
}

// A path into somebody's machine works nowhere else.
var machinePath = regexp.MustCompile(`(^|[^\w.:/-])/(work|root|home|Users)/\w`)

func TestNoPathOfAMachine(t *testing.T) {
	walk(t, func(file string) {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(text) {
			return
		}
		for i, line := range strings.Split(string(text), "\n") {
			if m := machinePath.FindString(line); m != "" {
				t.Errorf("%s:%d names a path of a machine: %s", file, i+1, strings.TrimSpace(line))
			}
		}
	})
}

func TestPins(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, pin := range pins {
		if !regexp.MustCompile(`(?m)^(require)?\s*` + regexp.QuoteMeta(pin) + `\b`).Match(mod) {
			t.Errorf("go.mod does not require %s: see pins for what holds it there", pin)
		}
	}
}

// root is the top of the tree, seen from this package.
const root = "../.."

// walk visits every file of the tree that is ours, by its path from the root.
func walk(t *testing.T, visit func(file string)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(file string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && (name == ".git" || name == "node_modules" || name == "dist" || name == "bin" || name == "testdata"):
			return fs.SkipDir
		case !d.IsDir():
			visit(file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// tree parses every Go file of ours.
func tree(t *testing.T) []source {
	t.Helper()
	var sources []source
	walk(t, func(file string) {
		if path.Ext(file) != ".go" {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, source{file, path.Dir(file), strings.HasSuffix(file, "_test.go"), f})
	})
	return sources
}

func imports(t *testing.T, s source) []string {
	t.Helper()
	var names []string
	for _, i := range s.ast.Imports {
		name, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// under reports whether name is the module or one of its packages or later major versions.
func under(name, module string) bool {
	return name == module || strings.HasPrefix(name, module+"/")
}

// uses reports whether the file names pkg.Name.
func uses(s source, what string) bool {
	found := false
	ast.Inspect(s.ast, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && fmt.Sprintf("%s.%s", sel.X, sel.Sel) == what {
			found = true
		}
		return !found
	})
	return found
}
