package fhirapi

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/fhir"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/pdsm"
	"vaguemestre/vault"
)

// A sentBundle is a Bundle as somebody sent it.
type sentBundle struct {
	Type  string
	Entry []sentEntry
}

type sentEntry struct {
	FullURL  string
	Resource fhir.Raw
	Request  *fhir.BundleRequest
}

// bundle does what a Bundle asks for: a transaction wholly or not at all, the
// reads of a batch one by one.
func (c *call) bundle() (answer, error) {
	if _, err := c.resource("Bundle"); err != nil {
		return answer{}, err
	}
	var b sentBundle
	if err := json.Unmarshal(c.body, &b); err != nil {
		return answer{}, invalid("Le Bundle n'est pas lisible.", "The Bundle cannot be read.")
	}
	if len(b.Entry) > c.cfg.Limits.Entries {
		return answer{}, fault.TooLarge
	}
	for _, e := range b.Entry {
		if e.Request == nil {
			return answer{}, invalid("Chaque entrée du Bundle doit avoir un request.", "Every entry of the Bundle must have a request.")
		}
	}
	switch b.Type {
	case "transaction":
		if err := c.scoped("DocumentReference", "create"); err != nil {
			return answer{}, err
		}
		return c.transaction(b)
	case "batch":
		return c.batch(b)
	}
	return answer{}, invalid("Ce Bundle n'est ni une transaction ni un batch.", "This Bundle is neither a transaction nor a batch.")
}

// batch answers the reads of a Bundle. Nothing else may be in one.
func (c *call) batch(b sentBundle) (answer, error) {
	out := fhir.Bundle{Kind: "Bundle", Type: "batch-response"}
	whole := answer{}
	for _, e := range b.Entry {
		if c.ctx.Err() != nil { // nobody waits any more, or for too long
			return whole, fault.Unavailable
		}
		a, err := c.readEntry(e.Request)
		for _, h := range a.holds {
			whole.holds = append(whole.holds, h)
			c.opened += h.n
		}
		entry := fhir.BundleEntry{Resource: a.resource, Response: &fhir.BundleResponse{Status: itoa(status(a))}}
		if a.version != "" {
			entry.Response.Etag = `W/"` + a.version + `"`
		}
		if err != nil {
			if k := fault.Of(err); k == fault.Internal || k == fault.Corrupt {
				c.cfg.Log.Error("fhir batch entry failed", "err", err)
			}
			o := c.outcome(err)
			entry = fhir.BundleEntry{Response: &fhir.BundleResponse{Status: itoa(o.status), Outcome: o.resource}}
		}
		out.Entry = append(out.Entry, entry)
	}
	whole.resource = out
	return whole, nil
}

func (c *call) readEntry(r *fhir.BundleRequest) (answer, error) {
	if r.Method != http.MethodGet {
		return answer{}, notAllowed("GET")
	}
	u, err := url.Parse(strings.TrimPrefix(r.URL, c.cfg.Base+"/"))
	if err != nil || u.IsAbs() {
		return answer{}, invalid("L'adresse d'une entrée est mal formée.", "The address of an entry is malformed.")
	}
	query, err := url.ParseQuery(u.RawQuery)
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if err != nil || parts[0] == "" || parts[0] == "Binary" && len(parts) != 2 {
		return answer{}, notFound()
	}
	if parts[0] == "Binary" && c.opened >= int64(c.cfg.Limits.Body.Bytes) { // the others are read one by one
		return answer{}, fault.TooLarge
	}
	header := http.Header{"Accept": {fhir.MediaType}}
	sub := &call{Server: c.Server, ctx: c.ctx, actor: c.actor, method: http.MethodGet, query: query, header: header}
	var what string
	return sub.route(parts, &what)
}

// A provision is a submission of documents (ITI-65, Provide Document Bundle):
// one submission set, its documents and their bytes, and folders.
type provision struct {
	*call
	bundle    sentBundle
	byURL     map[string]fhir.Raw
	set       *fhir.List
	docs      []int // entries
	subs      []hub.Submission
	record    string
	folders   []fhir.List
	replacing []sentEntry // changes to documents that are replaced
}

// transaction files the documents of a submission, all of them or none.
func (c *call) transaction(b sentBundle) (answer, error) {
	p := &provision{call: c, bundle: b, byURL: map[string]fhir.Raw{}}
	for i, e := range b.Entry {
		if e.FullURL != "" {
			p.byURL[e.FullURL] = e.Resource
		}
		if err := p.sort(i, e); err != nil {
			return answer{}, err
		}
	}
	if p.set == nil || len(p.docs) == 0 {
		return answer{}, unprocessable("Une transaction dépose un lot : une List de code submissionset et au moins une DocumentReference.",
			"A transaction files a lot: one List of code submissionset and at least one DocumentReference.")
	}
	for _, i := range p.docs {
		if err := p.submit(b.Entry[i]); err != nil {
			return answer{}, err
		}
	}
	if err := p.checkReplaced(); err != nil {
		return answer{}, err
	}
	views, err := c.hub.AddDocuments(c.ctx, c.actor, p.record, p.subs)
	if err != nil {
		return answer{}, err
	}
	for _, d := range views {
		c.seen.saw(c.actor, d)
	}
	return answer{resource: p.response(views)}, nil
}

// sort puts an entry where it belongs.
func (p *provision) sort(i int, e sentEntry) error {
	kind, _ := fhir.Type(e.Resource)
	target, _, _ := strings.Cut(e.Request.URL, "?")
	switch method := e.Request.Method; {
	case method == "POST" && kind == "DocumentReference" && target == kind:
		p.docs = append(p.docs, i)
	case method == "POST" && kind == "Binary" && target == kind:
	case method == "POST" && kind == "Patient" && target == kind: // an identity; nobody is enrolled by it
	case method == "POST" && kind == "List" && target == kind:
		return p.list(e)
	case (method == "PATCH" || method == "PUT") && strings.HasPrefix(target, "DocumentReference"):
		p.replacing = append(p.replacing, e)
	default:
		return unprocessable("Une entrée du Bundle n'est pas de celles qu'un dépôt de documents contient.", "An entry of the Bundle is none that a submission of documents has.")
	}
	return nil
}

func (p *provision) list(e sentEntry) error {
	var l fhir.List
	if json.Unmarshal(e.Resource, &l) != nil {
		return invalid("Une List n'est pas lisible.", "A List cannot be read.")
	}
	switch code := pdsm.CodeOf(l.Code).Code; {
	case code == "submissionset" && p.set == nil:
		p.set = &l
	case code == "folder":
		p.folders = append(p.folders, l)
	default:
		return unprocessable("Un dépôt contient un seul lot de soumission, et des classeurs.", "A submission has one submission set, and folders.")
	}
	return nil
}

// submit reads one document of the submission.
func (p *provision) submit(e sentEntry) error {
	var d sentDocument
	if json.Unmarshal(e.Resource, &d) != nil {
		return invalid("Une DocumentReference n'est pas lisible.", "A DocumentReference cannot be read.")
	}
	d.within = func(ref string) (fhir.Raw, bool) { raw, ok := p.byURL[ref]; return raw, ok && ref != "" }
	sub, record, err := p.submission(&d)
	switch {
	case err != nil:
		return err
	case p.record != "" && p.record != record:
		return unprocessable("Les documents d'un lot concernent un seul patient.", "The documents of a lot are of one patient.")
	}
	p.record = record
	sub.Entry.Set = setOf(p.set)
	for _, f := range p.folders {
		if slices.ContainsFunc(f.Entry, func(le fhir.ListEntry) bool { return le.Item.Reference == e.FullURL }) {
			sub.Entry.Folders = append(sub.Entry.Folders, cmp.Or(f.Title, listID(f.Identifier)))
		}
	}
	p.subs = append(p.subs, sub)
	return nil
}

// setOf reads the submission set.
func setOf(l *fhir.List) vault.SubmissionSet {
	s := vault.SubmissionSet{ID: listID(l.Identifier), Title: l.Title, Time: readTime(l.Date)}
	for _, x := range l.Extension {
		switch {
		case x.URL == pdsm.ExtSourceID && x.Identifier != nil:
			s.Source = strings.TrimPrefix(x.Identifier.Value, "urn:oid:")
		case x.URL == pdsm.ExtDesignation:
			s.ContentType = pdsm.CodeOf(x.CodeableConcept)
		}
	}
	if s.ID == "" {
		s.ID = strings.TrimPrefix(pdsm.UUID(vault.NewID()), "urn:")
	}
	return s
}

// listID is the identifier of a list that its producer gave: that of use
// "usual" (IHE MHD), else the first.
func listID(ids []fhir.Identifier) string {
	for _, i := range ids {
		if i.Use == "usual" {
			return pdsm.UniqueID(&i)
		}
	}
	if len(ids) > 0 {
		return pdsm.UniqueID(&ids[0])
	}
	return ""
}

// checkReplaced refuses changes to other documents than those that are
// replaced, and other changes than that they are: the hub says that itself, in
// the same transaction.
func (p *provision) checkReplaced() error {
	for _, e := range p.replacing {
		target, condition, _ := strings.Cut(e.Request.URL, "?")
		id := referredID(target)
		if v, err := url.ParseQuery(condition); err == nil && v.Get("identifier") != "" {
			t := parseToken(v.Get("identifier"))
			id = pdsm.UniqueID(&fhir.Identifier{System: t.system, Value: t.code})
		}
		replaced := slices.ContainsFunc(p.subs, func(s hub.Submission) bool { return s.Replaces == id && id != "" })
		if !replaced || !supersedes(e, p.cfg.Limits.Body) {
			return unprocessable("Dans un dépôt, on ne modifie que le statut (superseded) des documents remplacés.",
				"In a submission only the status (superseded) of the documents that are replaced is changed.")
		}
	}
	return nil
}

// supersedes reports whether an entry says of a document that it is replaced,
// and nothing else, as far as a change may say anything.
func supersedes(e sentEntry, lim fhir.Limits) bool {
	kind, _ := fhir.Type(e.Resource)
	media, body := fhir.MediaType, []byte(e.Resource)
	switch kind {
	case "DocumentReference":
		var d fhir.DocumentReference
		return e.Request.Method == http.MethodPut && json.Unmarshal(e.Resource, &d) == nil && d.Status == "superseded"
	case "Binary":
		var b fhir.Binary
		if json.Unmarshal(e.Resource, &b) != nil {
			return false
		}
		media, body = b.ContentType, b.Data
	}
	ops, err := operations(media, body, lim)
	return err == nil && len(ops) == 1 && ops[0].root() == "status" && ops[0].value == "superseded"
}

// response tells what became of each entry, in their order.
func (p *provision) response(views []hub.DocumentView) fhir.Bundle {
	out := fhir.Bundle{Kind: "Bundle", Type: "transaction-response"}
	binaries, next := map[string]string{}, 0
	for i, n := range p.docs {
		var d sentDocument
		if json.Unmarshal(p.bundle.Entry[n].Resource, &d) == nil {
			binaries[d.Content[0].Attachment.URL] = views[i].ID
		}
	}
	made := func(kind, id, version string) *fhir.BundleResponse {
		r := &fhir.BundleResponse{Status: "201 Created", Location: kind + "/" + id, LastModified: pdsm.Stamp(p.cfg.Now())}
		if version != "" {
			r.Location, r.Etag = r.Location+"/_history/"+version, `W/"`+version+`"`
		}
		return r
	}
	for _, e := range p.bundle.Entry {
		kind, _ := fhir.Type(e.Resource)
		var r *fhir.BundleResponse
		switch {
		case e.Request.Method != http.MethodPost:
			r = &fhir.BundleResponse{Status: "200 OK"}
		case kind == "DocumentReference":
			r = made(kind, views[next].ID, views[next].Entry.EntryUUID)
			next++
		case kind == "Binary" && binaries[e.FullURL] != "":
			r = made(kind, binaries[e.FullURL], "")
		case kind == "List":
			var l fhir.List
			_ = json.Unmarshal(e.Resource, &l) // it was read before
			group := cmp.Or(l.Title, listID(l.Identifier))
			if pdsm.CodeOf(l.Code).Code == "submissionset" {
				group = views[0].Entry.Set.ID
			}
			r = made(kind, groupID(p.record, pdsm.CodeOf(l.Code).Code, group), "")
		default:
			r = &fhir.BundleResponse{Status: "200 OK"}
		}
		out.Entry = append(out.Entry, fhir.BundleEntry{Response: r})
	}
	return out
}
