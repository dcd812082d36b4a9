package storage_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"nod/storage"
)

// childVariable names the database on which this binary, started again, writes
// until it is killed.
const childVariable = "NOD_STORAGE_TEST_CHILD"

// childMain creates from many goroutines and prints an id once its create was
// answered.
func childMain(url string) {
	s, err := storage.Open(context.Background(), storage.Config{URL: url, Secret: secret, Log: quiet})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	answered := make(chan string)
	for i := range 16 {
		go func() {
			for n := 0; ; n++ {
				v, err := admit(s, request(s, fmt.Sprintf("user-%d-%d", i, n)), nil)
				if err != nil {
					answered <- "error " + err.Error()
					return
				}
				answered <- v.ID
			}
		}()
	}
	for id := range answered {
		fmt.Println(id)
	}
}

// A process that is killed in the middle of its writes has lost nothing that it
// had answered.
func TestKilled(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		db.open(t) // migrated, keys made
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childVariable+"="+db.url)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			ids = append(ids, lines.Text())
			if len(ids) == 300 {
				if err := child.Process.Signal(syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := child.Wait(); err == nil || len(ids) < 300 {
			t.Fatalf("the child ended by itself: %v after %q", err, ids)
		}
		ids = ids[:len(ids)-1] // the last line may be cut off
		s := db.open(t)
		for _, id := range ids {
			if strings.HasPrefix(id, "error") {
				t.Fatal(id)
			}
			v := load(t, s, id)
			es, err := s.EventsAfter(context.Background(), id, 0, 100)
			if err != nil {
				t.Fatal(err)
			}
			if int64(len(es)) != v.Seq || len(v.Deliveries) == 0 || len(v.Codes) != 1 {
				t.Fatalf("%s came back torn: seq %d, %d events, %d deliveries, %d codes", id, v.Seq, len(es), len(v.Deliveries), len(v.Codes))
			}
		}
	})
}
