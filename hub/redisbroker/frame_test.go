package redisbroker

import (
	"reflect"
	"testing"

	"nod/hub"
)

func TestFrame(t *testing.T) {
	t.Parallel()
	me := nodeID{1, 2, 3, 4, 5, 6, 7, 8}
	m := hub.Message{Topic: "device:dev_1", Kind: "prompt", Seq: -7, Data: []byte{0, 255, '\n'}}
	for _, tc := range []struct {
		bytes []byte
		want  frame
	}{
		{messageFrame(me, m), frame{kind: kindMessage, message: m}},
		{messageFrame(me, hub.Message{Data: []byte{}}), frame{kind: kindMessage, message: hub.Message{Data: []byte{}}}},
		{replacedFrame(me, "device:dev_1", "con_1", 1<<53), frame{kind: kindReplaced, topic: "device:dev_1", conn: "con_1", stamp: 1 << 53}},
		{probeFrame(me, 9), frame{kind: kindProbe}},
	} {
		tc.want.sender, tc.want.number = me, 9
		setNumber(tc.bytes, 9)
		if got, err := parseFrame(string(tc.bytes)); err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("got %+v, %v; want %+v", got, err, tc.want)
		}
	}
}

// FuzzFrame reads what a channel may bring: whoever can write to Redis can send it.
func FuzzFrame(f *testing.F) {
	me := nodeID{'n', 'o', 'd'}
	m := messageFrame(me, hub.Message{Topic: "topic", Kind: "kind", Seq: 1, Data: []byte("data")})
	f.Add(string(m))
	f.Add(string(m[:headerSize+3]))
	f.Add(string(replacedFrame(me, "topic", "conn", 1)))
	f.Add(string(probeFrame(me, 1)))
	f.Fuzz(func(t *testing.T, payload string) {
		got, err := parseFrame(payload)
		if err != nil {
			return
		}
		var again []byte
		switch got.kind {
		case kindMessage:
			again = messageFrame(got.sender, got.message)
		case kindReplaced:
			again = replacedFrame(got.sender, got.topic, got.conn, got.stamp)
		case kindProbe:
			again = probeFrame(got.sender, got.number)
		}
		setNumber(again, got.number)
		if back, err := parseFrame(string(again)); err != nil || !reflect.DeepEqual(back, got) {
			t.Errorf("read %+v, wrote and read %+v, %v", got, back, err)
		}
	})
}
