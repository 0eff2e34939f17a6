package web

import (
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	xhtml "golang.org/x/net/html"

	"vaguemestre/internal/hub"
)

// A message in HTML is hostile until it has been made inert: what is left of it
// is text, its layout, and pictures that came with it. It is shown in a frame
// that runs nothing and loads nothing, whatever this file has missed.

// inertContent is what a browser may do with a message in HTML: nothing but draw
// it.
const inertContent = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"

// inertPolicy is what is left of a message in HTML. No link is: a reader is not
// to follow one out of a mail unawares, so links are written out beside their
// words (see writeOutLinks).
var inertPolicy = newInertPolicy()

func newInertPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "div", "span", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "dl", "dt", "dd",
		"table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th", "blockquote", "pre", "code",
		"b", "strong", "i", "em", "u", "s", "del", "ins", "sub", "sup", "small", "q", "cite", "abbr", "center")
	number := regexp.MustCompile(`^[0-9]{1,4}$`)
	p.AllowAttrs("colspan", "rowspan").Matching(regexp.MustCompile(`^[0-9]{1,2}$`)).OnElements("td", "th")
	p.AllowAttrs("border").Matching(regexp.MustCompile(`^[01]$`)).OnElements("table")
	p.AllowAttrs("dir").Matching(bluemonday.Direction).Globally()
	p.AllowAttrs("align").Matching(bluemonday.CellAlign).OnElements("td", "th", "p", "div", "h1", "h2", "h3")
	p.AllowAttrs("width", "height").Matching(number).OnElements("img")
	p.AllowAttrs("alt").OnElements("img")
	p.AllowAttrs("src").Matching(regexp.MustCompile(`^cid:`)).OnElements("img")
	p.AllowURLSchemes("cid")
	colour := regexp.MustCompile(`(?i)^(#[0-9a-f]{3}|#[0-9a-f]{6}|[a-z]{3,20}|rgb\([0-9 ,.%]{5,30}\))$`)
	p.AllowStyles("color", "background-color").Matching(colour).Globally()
	p.AllowStyles("text-align").MatchingEnum("left", "right", "center", "justify").Globally()
	p.AllowStyles("font-weight").MatchingEnum("normal", "bold", "bolder", "600", "700").Globally()
	p.AllowStyles("font-style").MatchingEnum("normal", "italic").Globally()
	p.AllowStyles("text-decoration").MatchingEnum("none", "underline", "line-through").Globally()
	p.SkipElementsContent("head", "style", "script", "title", "template", "noscript", "iframe", "object", "svg", "math")
	return p
}

// pictureTypes are those that are shown in their place.
var pictureTypes = map[string]bool{"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true}

var cidSource = regexp.MustCompile(` src="cid:([^"]*)"`)

// maxShown bounds the bytes of the pictures in a page: one that is shown in a
// thousand places is sent a thousand times.
const maxShown = 4 << 20

// defused makes the body of an inert page of a message in HTML.
func defused(page hub.MessagePage) string {
	pictures := map[string]hub.InlinePicture{}
	for _, p := range page.Pictures {
		if pictureTypes[p.Type] && sniffed(p.Content) == p.Type {
			pictures[p.ID] = p
		}
	}
	left := maxShown
	clean := inertPolicy.Sanitize(writeOutLinks(page.HTML))
	return cidSource.ReplaceAllStringFunc(clean, func(attribute string) string {
		id := html.UnescapeString(cidSource.FindStringSubmatch(attribute)[1])
		if plain, err := url.PathUnescape(id); err == nil {
			id = plain
		}
		p, ok := pictures[id]
		if left -= len(p.Content); !ok || left < 0 {
			return ""
		}
		return ` src="data:` + p.Type + ";base64," + base64.StdEncoding.EncodeToString(p.Content) + `"`
	})
}

// writeOutLinks writes the address of a link beside its words, where they do not
// say it.
func writeOutLinks(page string) string {
	if !strings.Contains(page, "href") && !strings.Contains(page, "HREF") {
		return page
	}
	var out, words strings.Builder
	var target string
	z := xhtml.NewTokenizer(strings.NewReader(page))
	for {
		kind := z.Next()
		if kind == xhtml.ErrorToken {
			if z.Err() != io.EOF {
				return page
			}
			return out.String()
		}
		raw := string(z.Raw())
		token := z.Token()
		switch {
		case token.Data == "a" && kind == xhtml.StartTagToken:
			target, words = "", strings.Builder{}
			for _, a := range token.Attr {
				if u, err := url.Parse(strings.TrimSpace(a.Val)); a.Key == "href" && err == nil && (u.Scheme == "http" || u.Scheme == "https") && len(a.Val) < 500 {
					target = u.String()
				}
			}
		case token.Data == "a" && kind == xhtml.EndTagToken:
			if target != "" && !strings.Contains(words.String(), target) {
				out.WriteString(" [" + html.EscapeString(target) + "]")
			}
			target = ""
		case kind == xhtml.TextToken && target != "":
			words.WriteString(token.Data)
		}
		out.WriteString(raw)
	}
}

// messageHTML is the frame of a message in HTML.
func (c *call) messageHTML() error {
	id, err := c.messageID()
	if err != nil {
		return err
	}
	page, err := c.s.hub.MessageHTML(c.ctx(), c.mailbox(), id)
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Security-Policy", inertContent)
	h.Set("Content-Type", "text/html; charset=utf-8")
	if c.r.Method == http.MethodHead {
		return nil
	}
	_, _ = fmt.Fprintf(c.w, `<!DOCTYPE html><html lang="fr"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>%s</title>`+
		`<style>body{margin:0;padding:.75rem;font:1rem/1.5 system-ui,sans-serif;background:#fff;color:#12181f;overflow-wrap:anywhere}img{max-width:100%%;height:auto}table{border-collapse:collapse;max-width:100%%}td,th{padding:.15rem .4rem;vertical-align:top}blockquote{margin:0 0 0 .5rem;padding-left:.75rem;border-left:3px solid #c3ced3}pre{white-space:pre-wrap}</style>`+
		`</head><body>%s</body></html>`, html.EscapeString(c.words("mail.html.title")), defused(page))
	return nil
}
