//go:build !linux

package floor

import (
	"errors"
	"os"
	"time"
)

func datasync(f *os.File) error { return f.Sync() }

var errLinux = errors.New("only Linux tells what a thread has used")

func threadTime() (time.Duration, error) { return 0, errLinux }

func descriptors() (int, error) { return 0, errLinux }
