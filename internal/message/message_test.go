package message

import (
	"testing"
)

func FuzzParse(f *testing.F) {
	f.Add(report(100))
	f.Add([]byte("A: b\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\n--x\nContent-Type: message/rfc822\n\nSubject: y\n--x--"))
	f.Add([]byte("Content-Type: text/plain; a*0*=utf-8''%C3; a*1*=%A9; charset=utf-7\nSubject: =?utf-8?B?w6k=?= =?x?q?=41?=\nFrom: a:b <c@d>, \"e\" (f);\n\n+AGE-"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Parse(raw, Default)
		if err != nil {
			return
		}
		checkTree(t, m)
		checkForms(t, m)
		checkSections(t, m.Structure())
		m.SearchText(1000)
		m.Root.Walk(func(p *Part) bool {
			if _, err := p.Text(raw, 100); err == nil {
				p.FileName()
			}
			return true
		})
	})
}

// checkTree proves that every part lies within the one it belongs to, after
// the one before it, and is found under its own number.
func checkTree(t *testing.T, m *Mail) {
	t.Helper()
	s := m.Structure()
	var walk func(p *Part, from, to int)
	walk = func(p *Part, from, to int) {
		if p.HeaderStart < from || p.BodyStart < p.HeaderStart || p.End < p.BodyStart || p.End > to {
			t.Fatalf("part %q at %d-%d-%d is not within %d-%d", p.Path, p.HeaderStart, p.BodyStart, p.End, from, to)
		}
		if p.Path != "" && s.Part(numbers(p.Path)) != p {
			t.Fatalf("part %q is not found under its number", p.Path)
		}
		if p.Type == "multipart" && len(p.Children) == 0 {
			t.Fatalf("part %q is a multipart without a part", p.Path)
		}
		at := p.BodyStart
		for _, c := range p.Children {
			walk(c, at, p.End)
			at = c.End
		}
		if p.Message != nil {
			walk(p.Message.Root, p.BodyStart, p.End)
		}
	}
	walk(m.Root, 0, len(m.Raw))
}

func numbers(path string) (ns []int) {
	n := 0
	for _, c := range path + "." {
		if c == '.' {
			ns, n = append(ns, n), 0
		} else {
			n = n*10 + int(c-'0')
		}
	}
	return ns
}
