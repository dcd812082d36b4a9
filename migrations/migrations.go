// Package migrations holds the one set of SQL migrations for both databases,
// embedded in the binary.
//
// One text serves SQLite and Postgres because it keeps to what both read alike:
// text ids, times as bigint milliseconds since 1970, boolean, partial indexes
// and foreign keys. There are no vendor types, triggers or defaults that compute;
// a dump of one database can be read beside a dump of the other. A migration is
// never edited after a release: a change, also one that takes back, is a new file.
package migrations

import "embed"

// Files holds the migrations, numbered in the order they are applied.
//
//go:embed *.sql
var Files embed.FS
