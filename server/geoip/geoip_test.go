package geoip_test

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"nod/server/geoip"
)

// file writes a database as MaxMind and DB-IP lay theirs out.
func file(t *testing.T, kind string, of map[string]mmdbtype.Map) []byte {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for network, record := range of {
		_, n, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(n, record); err != nil {
			t.Fatal(err)
		}
	}
	var content bytes.Buffer
	if _, err := tree.WriteTo(&content); err != nil {
		t.Fatal(err)
	}
	return content.Bytes()
}

func country(iso string) mmdbtype.Map {
	return mmdbtype.Map{
		"country":            mmdbtype.Map{"iso_code": mmdbtype.String(iso), "names": mmdbtype.Map{"en": mmdbtype.String("…")}},
		"registered_country": mmdbtype.Map{"iso_code": mmdbtype.String("XX")},
	}
}

var countries = map[string]mmdbtype.Map{
	"192.0.2.0/24":    country("DE"),
	"198.51.100.0/25": country("US"),
	"203.0.113.0/24":  {"registered_country": mmdbtype.Map{"iso_code": mmdbtype.String("FR")}}, // of nowhere: a satellite's
	"2001:db8:1::/48": country("JP"),
	"2001:db8:2::/48": country("not a code"),
}

func TestCountry(t *testing.T) {
	db, err := geoip.New(file(t, "GeoLite2-Country", countries))
	if err != nil {
		t.Fatal(err)
	}
	for ip, want := range map[string]string{
		"192.0.2.7":           "DE",
		"::ffff:192.0.2.7":    "DE",
		"198.51.100.127":      "US",
		"198.51.100.128":      "",
		"203.0.113.1":         "",
		"2001:db8:1:2::3":     "JP",
		"2001:db8:1:2::3%en0": "JP",
		"2001:db8:2::1":       "",
		"10.0.0.1":            "",
		"":                    "",
		"not an address":      "",
		"192.0.2.7:443":       "",
	} {
		if got := db.Country(ip); got != want {
			t.Errorf("%q is in %q, want %q", ip, got, want)
		}
	}
}

func TestCountryForMany(t *testing.T) {
	db, err := geoip.New(file(t, "DBIP-Country-Lite", countries))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if got := db.Country("192.0.2.7"); got != "DE" {
					t.Errorf("it is in %q", got)
				}
			}
		})
	}
	all.Wait()
}

func TestBadFile(t *testing.T) {
	good := file(t, "GeoLite2-Country", countries)
	systems := map[string]mmdbtype.Map{"192.0.2.0/24": {"autonomous_system_number": mmdbtype.Uint32(64496)}}
	for name, test := range map[string]struct {
		content []byte
		says    string
	}{
		"empty":      {nil, "unpack the download"},
		"text":       {[]byte("<html>please sign in</html>"), "unpack the download"},
		"packed":     {append([]byte{0x1f, 0x8b, 8, 0}, good[:64]...), "unpack the download"},
		"cut short":  {good[:len(good)-200], "unpack the download"},
		"no country": {file(t, "GeoLite2-ASN", systems), `"GeoLite2-ASN" holds no countries`},
		"no network": {file(t, "Empty", nil), "holds no countries"},
	} {
		if _, err := geoip.New(test.content); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", name, err, test.says)
		}
	}
}
