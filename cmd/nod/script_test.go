package main

import (
	"os"
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

// leakCheck fails the package when a test leaves a goroutine behind.
type leakCheck struct{ m *testing.M }

func (l leakCheck) Run() int {
	code := l.m.Run()
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
