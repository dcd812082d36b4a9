// Package geoip tells in which country a network address is, from a file of the
// operator's in the MaxMind DB format 2.0 (https://maxmind.github.io/MaxMind-DB/):
// GeoLite2 or GeoIP2 Country or City, DB-IP Country or City Lite, and whatever else
// keeps an ISO 3166-1 code at country.iso_code.
//
// It informs: a country by address is often wrong and easily chosen, by a proxy or
// a phone abroad. So it weighs in a risk score and never decides by itself, and what is
// not known, or cannot be read, is the empty country. Nobody is asked over the network.
package geoip

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/oschwald/maxminddb-golang/v2"
)

// looked is after how many networks without a country a file is taken for one of
// another kind, of autonomous systems for example.
const looked = 1000

// DB is the content of one file. It is safe for concurrent use.
type DB struct{ reader *maxminddb.Reader }

// New reads the content of a file, which it keeps and which must not change: a file
// that is mapped into memory and then replaced in place would end the process. The
// error says what is wrong and what to do.
func New(content []byte) (*DB, error) {
	reader, err := maxminddb.OpenBytes(content)
	if err != nil {
		return nil, errors.New("this is no MaxMind DB, or it was cut short: unpack the download and name its .mmdb file")
	}
	networks := 0
	for found := range reader.Networks() {
		if networks++; networks > looked {
			break
		}
		if countryOf(found) != "" {
			return &DB{reader}, nil
		}
	}
	return nil, fmt.Errorf("a database of the kind %q holds no countries: take one of countries or cities, for example GeoLite2-Country.mmdb", reader.Metadata.DatabaseType)
}

// Country is where an IPv4 or IPv6 address is, as ISO 3166-1 alpha-2; empty when that
// is not known, as of a private network or of what is no address.
func (db *DB) Country(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	return countryOf(db.reader.Lookup(a.Unmap().WithZone("")))
}

func countryOf(found maxminddb.Result) (iso string) {
	if found.DecodePath(&iso, "country", "iso_code") != nil || len(iso) != 2 {
		return ""
	}
	return iso
}
