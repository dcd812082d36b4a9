package storage

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// doubler answers with the double after 0.8 s, and notes its batches.
type doubler struct {
	together *together[int, int]
	batches  [][]int
}

func newDoubler() *doubler {
	d := &doubler{}
	d.together = newTogether(0, func(_ context.Context, asked []*question[int, int]) error {
		var batch []int
		for _, q := range asked {
			batch = append(batch, q.about)
		}
		slices.Sort(batch)
		d.batches = append(d.batches, batch)
		<-time.After(800 * time.Millisecond)
		for _, q := range asked {
			switch q.about {
			case 13:
				panic("an unlucky number")
			case 17:
				q.err = errClosed
			default:
				q.answer = 2 * q.about
			}
		}
		return nil
	})
	return d
}

// ask asks from a goroutine of its own.
func (d *doubler) ask(ctx context.Context, t *testing.T, group *sync.WaitGroup, n int, failed bool) {
	t.Helper()
	group.Go(func() {
		got, err := d.together.ask(ctx, n)
		if (err != nil) != failed || (!failed && got != 2*n) {
			t.Errorf("%d was answered %d (%v)", n, got, err)
		}
	})
	synctest.Wait()
}

// Who comes alone is answered alone; who comes meanwhile shares the next batch,
// which no earlier call started.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, began := newDoubler(), time.Now()
		var group sync.WaitGroup
		for n := range 5 {
			d.ask(t.Context(), t, &group, n, false)
		}
		group.Wait()
		if took := time.Since(began); took != 1600*time.Millisecond || !slices.EqualFunc(d.batches, [][]int{{0}, {1, 2, 3, 4}}, slices.Equal) {
			t.Errorf("%v after %v", d.batches, took)
		}
		d.together.close()
		if _, err := d.together.ask(t.Context(), 1); !errors.Is(err, errClosed) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// A crowd comes together in few batches, though each alone would be answered at
// once; who asks now and then is.
func TestTogetherGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		batches := 0
		crowd := newTogether(joinTime, func(_ context.Context, asked []*question[int, int]) error {
			batches++
			return nil
		})
		ask := func(most time.Duration) {
			began := time.Now()
			if _, err := crowd.ask(t.Context(), 1); err != nil || time.Since(began) > most {
				t.Errorf("answered after %v (%v)", time.Since(began), err)
			}
		}
		pass := func(d time.Duration) { <-time.After(d) }
		for range 100 {
			ask(0)
			pass(10 * time.Millisecond)
		}
		batches = 0
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() { ask(joinTime) })
			pass(time.Millisecond)
		}
		all.Wait()
		if batches > 1000/int(joinTime/time.Millisecond)+crowdSize {
			t.Errorf("%d batches for 1,000 in a second", batches)
		}
		pass(joinTime)
		ask(0)
		crowd.close()
	})
}

// An error, a panic and a caller who leaves are nobody else's, but for those in
// the batch that panicked; who has left is not asked for.
func TestTogetherApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoubler()
		var group sync.WaitGroup
		ctx, leave := context.WithCancel(t.Context())
		d.ask(t.Context(), t, &group, 13, true)
		d.ask(t.Context(), t, &group, 1, false)
		d.ask(t.Context(), t, &group, 17, true)
		d.ask(ctx, t, &group, 2, true)
		leave()
		group.Wait()
		if !slices.EqualFunc(d.batches, [][]int{{13}, {1, 17}}, slices.Equal) {
			t.Errorf("batches %v", d.batches)
		}
		d.together.close()
	})
}

// Nobody waits longer than the limit, however many wait before him.
func TestTogetherLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, began := newDoubler(), time.Now()
		var group sync.WaitGroup
		for n := range togetherLimit + 2 {
			d.ask(t.Context(), t, &group, 100+n, n == togetherLimit+1)
		}
		group.Wait()
		if took := time.Since(began); took != transactionLimit {
			t.Errorf("took %v", took)
		}
		d.together.close()
	})
}
