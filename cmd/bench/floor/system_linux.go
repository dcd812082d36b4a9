package floor

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// datasync has the file's data on the disk.
func datasync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

// threadTime is the processor time of this thread so far.
func threadTime() (time.Duration, error) {
	var u unix.Rusage
	err := unix.Getrusage(unix.RUSAGE_THREAD, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

// descriptors is how many files this process may have open.
func descriptors() (int, error) {
	var l unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l)
	return int(min(l.Cur, 1<<20)), err
}
