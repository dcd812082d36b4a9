package hub_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const idleClients = 10_000

// BenchmarkIdleConnection tells what an authenticated device that idles costs
// the server: heap and stacks as the runtime counts them, resident memory as the
// system does (of the whole process, so with what net/http needed to let all of
// them in), and goroutines. The clients live in a process of their own. Run it
// with -benchtime 1x.
func BenchmarkIdleConnection(b *testing.B) {
	for b.Loop() {
		c := config(new(app))
		c.AcceptRate, c.MaxPerIP = idleClients, -1
		n := run(b, c)
		heap, resident, goroutines := memory(b)

		clients := exec.Command(os.Args[0])
		clients.Env = append(os.Environ(), "HUB_IDLE_CLIENTS_OF="+n.url)
		clients.Stderr = os.Stderr
		hold, err := clients.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		said, err := clients.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := clients.Start(); err != nil {
			b.Fatal(err)
		}
		if line, err := bufio.NewReader(said).ReadString('\n'); err != nil || line != "ready\n" {
			b.Fatalf("clients said %q: %v", line, err)
		}
		eventually(b, "idle writers leave", func() bool { return n.Stats().Writers <= 16 })

		heapNow, residentNow, goroutinesNow := memory(b)
		per := func(before, now int) float64 { return float64(now-before) / idleClients }
		b.ReportMetric(per(heap, heapNow), "B/conn")
		b.ReportMetric(per(resident, residentNow), "rss-B/conn")
		b.ReportMetric(per(goroutines, goroutinesNow), "goroutines/conn")

		hold.Close()
		if err := clients.Wait(); err != nil {
			b.Error(err)
		}
		eventually(b, "all gone", func() bool { return n.Stats().Sessions["device"] == 0 })
	}
}

// memory of this process, with no rubbish in it.
func memory(b *testing.B) (heap, resident, goroutines int) {
	for range 4 { // a stack shrinks by half at each collection
		debug.FreeOSMemory()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		var size int
		if _, err := fmt.Sscan(string(statm), &size, &resident); err != nil {
			b.Fatal(err)
		}
	}
	return int(m.HeapAlloc + m.StackInuse), resident * os.Getpagesize(), runtime.NumGoroutine()
}

// holdClients is the other process: it opens the connections, says "ready", and
// holds them until its input ends.
func holdClients(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	numbers := make(chan int)
	failed := make(chan error, 32)
	var dialers sync.WaitGroup
	for range cap(failed) {
		dialers.Go(func() {
			for i := range numbers {
				if err := holdClient(ctx, url, i); err != nil {
					failed <- fmt.Errorf("client %d: %w", i, err)
					return
				}
			}
		})
	}
	for i := range idleClients {
		select {
		case numbers <- i:
		case err := <-failed:
			return err
		}
	}
	close(numbers)
	dialers.Wait()
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func holdClient(ctx context.Context, url string, i int) error {
	ws, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	auth := fmt.Sprintf(`{"type":"auth","data":{"token":"device %d"}}`, i)
	if err := ws.Write(ctx, websocket.MessageText, []byte(auth)); err != nil {
		return err
	}
	for _, want := range []string{"challenge", "welcome", "snapshot"} {
		if _, p, err := ws.Read(ctx); err != nil || !strings.Contains(string(p), want) {
			return fmt.Errorf("got %q, want %s: %w", p, want, err)
		}
	}
	ws.CloseRead(context.Background())
	return nil
}
