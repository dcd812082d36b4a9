// Package web carries the built pages inside the program, so that one file is the whole product.
//
// It only hands out files: which path shows which page, caching and security headers are the
// server's. A fresh clone holds no build (dist is ignored by git but for a placeholder), so that
// Go code compiles and vets before Node was ever run; Built tells the two apart.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// FS returns the build: index.html (the stage), login.html, phone.html, console.html, and
// everything they load under assets/, whose names hold a hash of their content.
func FS() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic("web: dist is embedded, so its name is a valid path: " + err.Error())
	}
	return files
}

// Built reports whether the pages were built before the program was.
func Built() bool {
	_, err := fs.Stat(FS(), "index.html")
	return err == nil
}
