package message

import "slices"

// A Cut is a part whose content Split gave out.
type Cut struct {
	Part    *Part
	Decoded []byte // its body without transfer encoding
}

// Split separates m into a skeleton and the content of the parts that take
// selects. It asks take for every leaf, in order, those of nested messages
// included. A part is cut out if its body is base64 such that encoding it again
// gives the same bytes; any other stays in the skeleton as it came.
//
// The skeleton and the contents are new memory. Join puts them together again,
// byte for byte the same as m.Raw.
func Split(m *Mail, take func(*Part) bool) (Layout, []byte, []Cut) {
	var (
		layout Layout
		cuts   []Cut
		ranges [][2]int // of raw, that go into the skeleton
		from   int
		kept   int
	)
	m.Root.Walk(func(p *Part) bool {
		if !p.IsLeaf() || p.Encoding != "base64" || !take(p) {
			return true
		}
		span, decoded, ok := regularBase64(m.Raw[p.BodyStart:p.End])
		if !ok {
			return true
		}
		start := p.BodyStart + span.start
		ranges = append(ranges, [2]int{from, start})
		layout.holes = append(layout.holes, hole{gap: start - from, decoded: len(decoded), line: span.line, eol: span.eol})
		kept += start - from
		from = start + span.length
		cuts = append(cuts, Cut{p, decoded})
		return true
	})
	ranges = append(ranges, [2]int{from, len(m.Raw)})
	layout.tail = len(m.Raw) - from
	layout.size = int64(len(m.Raw))
	skeleton := slices.Grow([]byte(nil), kept+layout.tail)
	for _, r := range ranges {
		skeleton = append(skeleton, m.Raw[r[0]:r[1]]...)
	}
	return layout, skeleton, cuts
}
