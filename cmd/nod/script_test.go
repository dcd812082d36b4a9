package main

import (
	flags "flag" // the configuration has a flag of its own
	"os"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv("NOD_TEST_CHILD") == "1" {
		main()
		return
	}
	testscript.Main(leakCheck{m}, map[string]func(){"nod": main})
}

// sideBySide is how many tests run at once unless -parallel says otherwise: they
// wait for processes more than they compute.
const sideBySide = 12

// leakCheck fails the package when a test leaves a goroutine behind.
type leakCheck struct{ m *testing.M }

func (l leakCheck) Run() int {
	flags.Parse()
	asked := false
	flags.Visit(func(f *flags.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		_ = flags.Set("test.parallel", strconv.Itoa(sideBySide)) // the testing package's own flag
	}
	code := l.m.Run()
	sharedServers.stop()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			println(err.Error())
			code = 1
		}
	}
	return code
}

// TestScripts runs the command line as a person types it (testdata/*.txtar).
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata"})
}
