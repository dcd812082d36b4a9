package storage_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"nod/verify"
)

// filler sets every exported field to a value of its own, so that a field
// without a column is found.
type filler struct{ n int }

func (f *filler) fill(v reflect.Value, at string) {
	f.n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.UnixMilli(1_800_000_000_000 + int64(f.n)).UTC()))
		return
	case verify.Number:
		v.Set(reflect.ValueOf(verify.StoredNumber(fmt.Sprintf("+1415555%04d", f.n))))
		return
	case verify.Mailbox:
		v.Set(reflect.ValueOf(verify.StoredMailbox(fmt.Sprintf("%d@example.com", f.n))))
		return
	case time.Duration:
		v.SetInt(int64(time.Duration(f.n) * time.Second))
		return
	case jose.JSONWebKey:
		panic(at + ": keys are set by hand")
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("%s-%d", at, f.n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() && !skipped[at+"."+field.Name] {
				f.fill(v.Field(i), at+"."+field.Name)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		f.fill(v.Index(0), at)
		f.fill(v.Index(1), at)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), at)
	default:
		panic(at + ": a kind this test does not know")
	}
}

// skipped are fields that are no part of the row.
var skipped = map[string]bool{"Verification.Devices": true, "Verification.Hold": true, "Device.SignKey": true, "Device.EncryptKey": true}

func fill[T any](n int) T {
	var v T
	f := filler{n}
	f.fill(reflect.ValueOf(&v).Elem(), reflect.TypeFor[T]().Name())
	return v
}

var sameVerification = cmp.Options{
	cmpopts.IgnoreUnexported(verify.Verification{}), cmpopts.IgnoreFields(verify.Verification{}, "Devices", "Hold", "Meters"),
	cmpopts.EquateComparable(verify.Number{}, verify.Mailbox{}),
}

// Every field of a verification, a code and a delivery comes back as it was
// written, and as it was written over: all but those that never change.
func TestEveryField(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		s := db.open(t)
		v := fill[verify.Verification](1)
		err := s.CreateVerification(context.Background(), verify.Applicant{UserID: v.UserID}, nil,
			func(*verify.Situation, time.Time) (*verify.Verification, error) { return &v, nil })
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&v, load(t, s, v.ID), sameVerification); diff != "" {
			t.Error("created, then read:", diff)
		}
		w := fill[verify.Verification](5000)
		w.ID, w.UserID, w.Purpose, w.CreatedAt = v.ID, v.UserID, v.Purpose, v.CreatedAt
		w.Number, w.Email, w.Context, w.BindingMessage, w.Delays, w.Seen = v.Number, v.Email, v.Context, v.BindingMessage, v.Delays, v.Seen
		for i := range w.Deliveries {
			w.Deliveries[i].ID, w.Deliveries[i].CreatedAt = v.Deliveries[i].ID, v.Deliveries[i].CreatedAt
		}
		for i := range w.Codes {
			w.Codes[i].Generation = v.Codes[i].Generation
		}
		update(t, s, v.ID, func(v *verify.Verification, _ time.Time) { *v = w })
		if diff := cmp.Diff(&w, load(t, s, v.ID), sameVerification); diff != "" {
			t.Error("updated, then read:", diff)
		}
	})
}

func TestEveryFieldOfADevice(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		e, err := s.CreateEnrollment(ctx, nil, "u1")
		if err != nil {
			t.Fatal(err)
		}
		d, encrypt := fill[verify.Device](1), publicKey(t)
		d.SignKey, d.EncryptKey = publicKey(t), &encrypt
		if _, err := s.CreateDevice(ctx, nil, e.ID, func(verify.Enrollment, int, time.Time) (*verify.Device, error) { return &d, nil }); err != nil {
			t.Fatal(err)
		}
		same(t, s.Device, d)
		for _, change := range []func(d *verify.Device){
			func(d *verify.Device) { d.Name, d.RevokedAt, d.SeenAt = "other", time.Time{}, time.Time{} },
			func(d *verify.Device) { d.Push = &verify.PushTarget{Provider: "apns", Token: "another token"} },
			func(d *verify.Device) { d.Push = nil },
		} {
			change(&d)
			got, err := s.UpdateDevice(ctx, d.ID, func(d *verify.Device, _ time.Time) ([]verify.Event, error) {
				change(d)
				return nil, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&d, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error("updated:", diff)
			}
			same(t, s.Device, d)
		}
	})
}

func same(t *testing.T, read func(context.Context, string) (*verify.Device, time.Time, error), want verify.Device) {
	t.Helper()
	got, _, err := read(context.Background(), want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// What a person could be known by is not in the database, in no table and not
// in the bytes of its files: numbers, push tokens, what was shown, secrets.
func TestNothingReadableRests(t *testing.T) {
	onBoth(t, func(t *testing.T, db database) {
		ctx, s := context.Background(), db.open(t)
		push := "push-token-of-ana"
		d := enroll(t, s, "u1", push)
		q := request(s, "u1")
		q.Channel, q.Email = verify.Both, verify.StoredMailbox("ana.silva@example.com")
		var v *verify.Verification
		if err := admitTo(&v, s, q, once("retry "+number.E164(), `{"phone_number":"`+number.E164()+`"}`, &v)); err != nil {
			t.Fatal(err)
		}
		if err := s.SpendTokenID(ctx, d.ID, "jti "+number.E164(), time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		e, err := s.CreateEnrollment(ctx, nil, "u1")
		if err != nil {
			t.Fatal(err)
		}
		secrets := map[string]string{
			"the mailbox": "ana.silva", "the number": strings.TrimPrefix(number.E164(), "+"), "the push token": push,
			"an address": q.Context.IP, "a place": q.Context.Location, "the binding message": "40 EUR",
			"the client secret": s.Keys().ClientSecret(v), "an enrollment token": s.Keys().EnrollmentToken(e.ID),
			"a result token": s.Keys().ResultToken(v, time.Now()), "the code": s.Keys().Code(v, v.Codes[0]),
			"the secret of the keys": string(secret),
		}
		for table, text := range db.dump(t) {
			for what, secret := range secrets {
				if strings.Contains(text, secret) {
					t.Errorf("%s can be read in table %s", what, table)
				}
			}
		}
		delete(secrets, "the code") // six digits: among all bytes they may stand by chance
		for file, bytes := range db.files(t) {
			for what, secret := range secrets {
				if strings.Contains(bytes, secret) {
					t.Errorf("%s can be read in file %s", what, file)
				}
			}
		}
	})
}
