package server

import (
	_ "embed"
	"fmt"
	"html"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
)

//go:embed docs.css
var docsCSS []byte

// docsIcon is the mark. It is part of the page, as the built pages may be missing.
const docsIcon = `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 40 40'%3E%3Crect width='40' height='40' rx='10' fill='%230b6e4f'/%3E%3Ccircle cx='20' cy='15' r='7' fill='%23faf6ef'/%3E%3Cpath d='M8.5 22.5c2.7 6 7 8.7 11.5 8.7s8.8-2.7 11.5-8.7' fill='none' stroke='%23faf6ef' stroke-width='3' stroke-linecap='round'/%3E%3C/svg%3E`

func (s *Server) docs(c echo.Context) error { return c.HTMLBlob(http.StatusOK, s.manual()) }

func (s *Server) docsStyle(c echo.Context) error {
	return c.Blob(http.StatusOK, "text/css; charset=utf-8", docsCSS)
}

// manual writes the API for people: one page out of the OpenAPI document, whole
// in itself, so that it needs no script and no other server. (A template library
// would keep the linker from dropping what the program never calls.)
func manual(doc *huma.OpenAPI) []byte {
	m := &manualWriter{schemas: doc.Components.Schemas}
	m.put(`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>`,
		doc.Info.Title, ` · API</title><link rel="icon" href="`+docsIcon+`"><link rel="stylesheet" href="/docs.css"></head><body><header><h1>`, doc.Info.Title, `</h1><p>`, doc.Info.Description)
	m.put(`</p><p>For programs: <a href="/openapi.json">OpenAPI 3.1</a>. Times are RFC 3339 in UTC, durations whole seconds. Calls that create or send take an <code>Idempotency-Key</code>.</p></header><main>`)
	m.credentials(doc)
	for _, part := range table {
		ops := operations(doc, part)
		if len(ops) == 0 {
			continue
		}
		m.put(`<section><h2>`, part.title, `</h2>`)
		for _, o := range ops {
			m.operation(o)
		}
		m.put(`</section>`)
	}
	m.types()
	m.errors()
	m.put(`</main></body></html>`)
	return []byte(m.b.String())
}

// operations finds what the document says about the routes of a section.
func operations(doc *huma.OpenAPI, part section) []*huma.Operation {
	var ops []*huma.Operation
	for _, r := range part.routes {
		item := doc.Paths[r.path]
		if item == nil {
			continue
		}
		for _, o := range []*huma.Operation{item.Get, item.Put, item.Post, item.Patch, item.Delete} {
			if o != nil && o.Method == r.method {
				ops = append(ops, o)
			}
		}
	}
	return ops
}

type manualWriter struct {
	b       strings.Builder
	schemas huma.Registry
}

// put writes markup and text by turns: every second part is escaped.
func (m *manualWriter) put(parts ...string) {
	for i, p := range parts {
		if i%2 == 1 {
			p = html.EscapeString(p)
		}
		m.b.WriteString(p)
	}
}

// credentials explains the words that stand behind "Who".
func (m *manualWriter) credentials(doc *huma.OpenAPI) {
	m.put(`<section><h2>Credentials</h2><dl>`)
	for _, r := range roleNames {
		m.put(`<dt>`, r.name, `</dt><dd>`, doc.Components.SecuritySchemes[r.name].Description, `</dd>`)
	}
	m.put(`</dl></section>`)
}

// operation explains one call: what it takes and what it answers.
func (m *manualWriter) operation(o *huma.Operation) {
	m.put(`<article id="`, o.OperationID, `"><h3><code><b>`, o.Method, `</b> `, o.Path, `</code></h3><p>`, o.Summary, `<br><small>`, o.Description, `</small></p>`)
	if len(o.Parameters) > 0 {
		m.put(`<table><caption>Parameters</caption>`)
		for _, p := range o.Parameters {
			m.row(p.Name, p.In+": ", p.Schema)
		}
		m.put(`</table>`)
	}
	if o.RequestBody != nil {
		for _, c := range o.RequestBody.Content {
			m.fields("Body", c.Schema)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(o.Responses)) {
		if c := o.Responses[code].Content["application/json"]; c != nil {
			m.put(`<p>Answer `, code, `: `)
			m.kind(c.Schema)
			m.put(`.</p>`)
		} else if code != "default" {
			m.put(`<p>Answer `, code, `: `, o.Responses[code].Description, `.</p>`)
		}
	}
	m.put(`</article>`)
}

// types lists every type that answers are made of.
func (m *manualWriter) types() {
	m.put(`<section><h2>Types</h2>`)
	all := m.schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m.put(`<article id="type-`, name, `">`)
		m.fields(name, all[name])
		m.put(`</article>`)
	}
	m.put(`</section>`)
}

// fields lists the members of an object; what may be left out has a question
// mark.
func (m *manualWriter) fields(title string, s *huma.Schema) {
	if s.Ref != "" {
		s = m.schemas.SchemaFromRef(s.Ref)
	}
	if len(s.Properties) == 0 {
		return
	}
	m.put(`<table><caption>`, title, `</caption>`)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		label := name
		if !slices.Contains(s.Required, name) {
			label += "?"
		}
		m.row(label, "", s.Properties[name])
	}
	m.put(`</table>`)
}

// row is one field or parameter.
func (m *manualWriter) row(name, where string, s *huma.Schema) {
	m.put(`<tr><th scope="row"><code>`, name, `</code></th><td>`, where)
	m.kind(s)
	m.put(`</td><td>`, s.Description, `</td></tr>`)
}

// kind says in a few words what a value is, and leads to its type.
func (m *manualWriter) kind(s *huma.Schema) {
	var words []string
	switch {
	case s.Ref != "":
		name := s.Ref[strings.LastIndex(s.Ref, "/")+1:]
		m.put(`<a href="#type-`, name, `">`, name, `</a>`)
	case len(s.OneOf) > 0:
		for i, one := range s.OneOf {
			if i > 0 {
				m.put(` or `)
			}
			m.kind(one)
		}
	case s.Type == huma.TypeArray:
		m.put(`list of `)
		m.kind(s.Items)
	case len(s.Enum) > 0:
		for _, e := range s.Enum {
			words = append(words, fmt.Sprint(e))
		}
		m.put(``, strings.Join(words, " | "))
	case s.Type != "":
		m.put(``, s.Type)
	}
	if s.MaxLength != nil {
		m.put(``, fmt.Sprintf(", up to %d characters", *s.MaxLength))
	}
	if s.Maximum != nil {
		m.put(``, fmt.Sprintf(", up to %v", *s.Maximum))
	}
	if s.Nullable {
		m.put(` or null`)
	}
}

// errors lists the codes: a problem's type leads here.
func (m *manualWriter) errors() {
	m.put(`<section><h2>Errors</h2><p>Every refusal is a problem document (RFC 9457) with one of these codes.</p><table>`)
	for _, k := range problems {
		m.put(`<tr id="`, k.code, `"><th scope="row"><code>`, k.code, `</code></th><td>`, fmt.Sprint(k.status), `</td><td>`, k.title, `</td></tr>`)
	}
	m.put(`</table></section>`)
}
