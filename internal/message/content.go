package message

import (
	"path"
	"strings"
	"unicode/utf8"
)

// Lengths beyond which a value of a Content- field is of no use to anybody.
const (
	maxBoundary = 1024 // RFC 2046 allows 70
	maxValue    = 1024
	maxToken    = 127 // RFC 6838 §4.2
)

// content fills p from the Content- fields of its header and returns its
// boundary if it is a multipart.
func (x *indexer) content(p *Part, h Header) (boundary string) {
	var typ, disp string
	seen := map[string]bool{}
	for _, f := range h.fields {
		n := h.name(f)
		if len(n) < 10 || len(n) > 25 || !strings.EqualFold(string(n[:8]), "content-") {
			continue
		}
		name := strings.ToLower(string(n[8:]))
		if seen[name] {
			x.note(RepeatedContent)
			continue
		}
		seen[name] = true
		v := unfold(h.value(f))
		switch name {
		case "type":
			typ = v
		case "transfer-encoding":
			p.Encoding = token(stripComments(v))
		case "id":
			p.ID = clip(decodeWords(v), maxValue)
		case "description":
			p.Description = clip(decodeWords(v), maxValue)
		case "disposition":
			disp = v
		case "language":
			for l := range strings.SplitSeq(stripComments(v), ",") {
				if l = token(l); l != "" && len(p.Language) < 16 {
					p.Language = append(p.Language, l)
				}
			}
		case "location":
			p.Location = clip(decodeWords(v), maxValue)
		case "md5":
			p.MD5 = clip(decodeWords(v), maxValue)
		}
	}
	if p.Encoding == "" {
		p.Encoding = "7bit"
	}
	if disp != "" {
		value, params, flood := parseParams(disp)
		p.Disposition, p.DispositionParams = token(value), params
		if flood {
			x.note(TooManyParams)
		}
	}
	return x.mediaType(p, typ)
}

// mediaType sets the type of p from its Content-Type, or its default (RFC 2045
// §5.2; RFC 2046 §5.1.5 inside a digest).
func (x *indexer) mediaType(p *Part, typ string) (boundary string) {
	p.Type, p.Subtype = "text", "plain"
	value, params, flood := parseParams(typ)
	if flood {
		x.note(TooManyParams)
	}
	if t, s, ok := strings.Cut(value, "/"); ok && token(t) != "" && token(s) != "" {
		p.Type, p.Subtype, p.Params = token(t), token(s), params
	} else if typ != "" {
		x.note(BadContentType)
	} else if top := len(x.open) - 1; top >= 0 && x.open[top].part.MediaType() == "multipart/digest" {
		p.Type, p.Subtype = "message", "rfc822"
	}
	identity := p.Encoding == "7bit" || p.Encoding == "8bit" || p.Encoding == "binary"
	switch {
	case p.Type == "multipart":
		boundary = strings.TrimRight(p.Params.Get("boundary"), " \t")
		if boundary == "" || len(boundary) >= maxValue {
			x.note(NoBoundary)
			asText(p)
			return ""
		}
		if !identity {
			x.note(EncodedContainer)
			p.Encoding = "7bit"
		}
	case p.MediaType() == "message/rfc822" || p.MediaType() == "message/global":
		if identity {
			p.Message = new(Embedded)
		} else { // RFC 2046 §5.2.1 forbids it, and IMAP has no form for it: a file like another
			p.Type, p.Subtype = "application", "octet-stream"
		}
	}
	return boundary
}

// FileName returns the name the sender gave the part, fit to be shown and
// stored: RFC 2231 and encoded words decoded, without path, control
// characters, or marks that turn the direction of writing; at most 255 bytes,
// the extension kept; "" if there is none.
func (p *Part) FileName() string {
	name := p.DispositionParams.Get("filename")
	if name == "" {
		name = p.Params.Get("name")
	}
	return cleanFileName(name)
}

func cleanFileName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r == '\\':
			return '/'
		case r < ' ' || r >= 0x7f && r < 0xa0,
			r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2060 && r <= 0x2069, r == 0xfeff:
			return -1
		}
		return r
	}, decodeWords(name))
	name = strings.Join(strings.Fields(path.Base("/"+name)), " ")
	name = strings.Trim(name, " ./")
	if len(name) > 255 {
		ext := path.Ext(name)
		if len(ext) > 16 {
			ext = ""
		}
		name = clip(name, 255-len(ext)) + ext
	}
	return name
}

// token returns s as a lower-case token, or "" if it is none.
func token(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > maxToken {
		return ""
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || strings.IndexByte(`()<>@,;:\"/[]?=`, c) >= 0 {
			return ""
		}
	}
	return strings.ToLower(s)
}

// clip cuts s to at most n bytes, between two characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
