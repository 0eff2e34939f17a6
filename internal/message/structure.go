package message

// A Structure is the MIME tree of a mail apart from its bytes: all that IMAP's
// BODYSTRUCTURE shows, and the offsets of every part.
type Structure struct {
	Size int64 // bytes of the whole mail
	Root *Part
}

// Structure returns the structure of m, which shares the parts of m.
func (m *Mail) Structure() *Structure { return &Structure{int64(len(m.Raw)), m.Root} }

const (
	structureVersion = 1
	maxTreeDepth     = 256 // of a form that is read; Limits keep well below
)

// The kinds of a part in the binary form, and the bits of the fields it has.
const (
	leafPart = iota
	multiPart
	messagePart
)
const (
	hasParams = 1 << iota
	hasID
	hasDescription
	hasDisposition
	hasLanguage
	hasLocation
	hasMD5
	hasLines
)

// AppendBinary appends the compact form of s, which ParseStructure reads:
// version, size, number of parts, number of parameters, and the parts in order,
// a multipart or message before what it contains. It never fails.
func (s *Structure) AppendBinary(b []byte) ([]byte, error) {
	w := writer{append(b, structureVersion)}
	parts, params := 0, 0
	s.Root.Walk(func(p *Part) bool {
		parts++
		params += len(p.Params) + len(p.DispositionParams)
		return true
	})
	w.int(int(s.Size))
	w.int(parts)
	w.int(params)
	w.part(s.Root, 0)
	return w.b, nil
}

func (w *writer) part(p *Part, base int) {
	kind := leafPart
	switch {
	case len(p.Children) > 0:
		kind = multiPart
	case p.Message != nil:
		kind = messagePart
	}
	fields := p.fields()
	w.int(kind)
	w.int(fields)
	w.int(p.HeaderStart - base)
	w.int(p.BodyStart - p.HeaderStart)
	w.int(p.End - p.BodyStart)
	w.string(p.Type)
	w.string(p.Subtype)
	w.string(p.Encoding)
	w.optional(p, fields)
	switch kind {
	case multiPart:
		w.int(len(p.Children))
		for _, c := range p.Children {
			w.part(c, p.BodyStart)
		}
	case messagePart:
		w.envelope(p.Message.Envelope)
		w.part(p.Message.Root, p.BodyStart)
	}
}

// fields returns the bits of the fields p has.
func (p *Part) fields() int {
	set := 0
	has := func(bit int, yes bool) {
		if yes {
			set |= bit
		}
	}
	has(hasParams, len(p.Params) > 0)
	has(hasID, p.ID != "")
	has(hasDescription, p.Description != "")
	has(hasDisposition, p.Disposition != "" || len(p.DispositionParams) > 0)
	has(hasLanguage, len(p.Language) > 0)
	has(hasLocation, p.Location != "")
	has(hasMD5, p.MD5 != "")
	has(hasLines, p.Lines != 0)
	return set
}

func (w *writer) optional(p *Part, fields int) {
	if fields&hasParams != 0 {
		w.params(p.Params)
	}
	if fields&hasID != 0 {
		w.string(p.ID)
	}
	if fields&hasDescription != 0 {
		w.string(p.Description)
	}
	if fields&hasDisposition != 0 {
		w.string(p.Disposition)
		w.params(p.DispositionParams)
	}
	if fields&hasLanguage != 0 {
		w.int(len(p.Language))
		for _, l := range p.Language {
			w.string(l)
		}
	}
	if fields&hasLocation != 0 {
		w.string(p.Location)
	}
	if fields&hasMD5 != 0 {
		w.string(p.MD5)
	}
	if fields&hasLines != 0 {
		w.int(p.Lines)
	}
}

func (w *writer) params(ps Params) {
	w.int(len(ps))
	for _, p := range ps {
		w.string(p.Name)
		w.string(p.Value)
	}
}

// ParseStructure reads what AppendBinary wrote; anything else is
// fault.Corrupt. The offsets of the result lie within its Size, each part
// within the one it belongs to. Its strings share one copy of b.
func ParseStructure(b []byte) (*Structure, error) {
	r := treeReader{reader: newReader(b, structureVersion)}
	s := &Structure{Size: int64(r.int())}
	r.parts = make([]Part, r.count(8))
	r.nodes = make([]*Part, len(r.parts))
	r.params = make([]Param, r.count(2))
	s.Root = r.part(0, int(s.Size), "", true, 0)
	if len(r.parts) != 0 || len(r.params) != 0 {
		r.fail()
	}
	if err := r.end("structure"); err != nil {
		return nil, err
	}
	return s, nil
}

// A treeReader reads parts into memory taken once for all of them.
type treeReader struct {
	*reader
	parts  []Part
	nodes  []*Part
	params []Param
}

// part reads a part that lies in [base, limit) of the mail. body says that it
// is the body of a message, whose parts are numbered after prefix; else prefix
// is its own number.
func (r *treeReader) part(base, limit int, prefix string, body bool, depth int) *Part {
	if len(r.parts) == 0 || depth > maxTreeDepth {
		r.fail()
		return new(Part)
	}
	p := &r.parts[0]
	r.parts = r.parts[1:]
	kind, fields := r.int(), r.int()
	p.HeaderStart = base + r.int()
	p.BodyStart = p.HeaderStart + r.int()
	p.End = p.BodyStart + r.int()
	if p.End > limit || kind > messagePart || fields >= hasLines<<1 {
		r.fail()
		return p
	}
	if body && kind != multiPart {
		prefix = joinPath(prefix, 1)
	}
	if !body || kind != multiPart {
		p.Path = prefix
	}
	p.Type, p.Subtype, p.Encoding = r.string(), r.string(), r.string()
	r.optional(p, fields)
	switch kind {
	case multiPart:
		n := r.int()
		if n == 0 || n > len(r.nodes) {
			r.fail()
			return p
		}
		p.Children, r.nodes = r.nodes[:n:n], r.nodes[n:]
		for i := range p.Children {
			p.Children[i] = r.part(p.BodyStart, p.End, joinPath(prefix, i+1), false, depth+1)
		}
	case messagePart:
		p.Message = &Embedded{Envelope: r.envelope()}
		p.Message.Root = r.part(p.BodyStart, p.End, prefix, true, depth+1)
	}
	return p
}

func (r *treeReader) optional(p *Part, fields int) {
	if fields&hasParams != 0 {
		p.Params = r.paramList()
	}
	if fields&hasID != 0 {
		p.ID = r.string()
	}
	if fields&hasDescription != 0 {
		p.Description = r.string()
	}
	if fields&hasDisposition != 0 {
		p.Disposition = r.string()
		p.DispositionParams = r.paramList()
	}
	if fields&hasLanguage != 0 {
		p.Language = make([]string, r.count(1))
		for i := range p.Language {
			p.Language[i] = r.string()
		}
	}
	if fields&hasLocation != 0 {
		p.Location = r.string()
	}
	if fields&hasMD5 != 0 {
		p.MD5 = r.string()
	}
	if fields&hasLines != 0 {
		p.Lines = r.int()
	}
}

func (r *treeReader) paramList() Params {
	n := r.int()
	if n > len(r.params) {
		r.fail()
		return nil
	}
	if n == 0 {
		return nil
	}
	var ps Params
	ps, r.params = r.params[:n:n], r.params[n:]
	for i := range ps {
		ps[i] = Param{r.string(), r.string()}
	}
	return ps
}
