package web

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/message"
)

// The form of a message: read, checked and shown.

const (
	maxText       = 120 << 10 // bytes of what somebody writes
	maxSubject    = 200       // characters
	maxQuote      = 8 << 10   // bytes that an answer shows of what it answers
	maxRecipients = 50
	maxNear       = 6 // contacts that are shown at once
)

// composeView is what the form shows.
type composeView struct {
	hub.Draft
	Pro      bool
	Tos, Ccs []personView // whom it is for
	Contacts []personView // whom it might be for, beside them
	Others   []personView // more of them
	Shut     []personView // whom one wrote with, and may not write to any more
	Patient  string       // whose record it comes from; "": nobody's
	ToOne    bool         // a patient is among those it is for
	Limit    int64        // megabytes of the files
	Most     int64        // the same, in bytes
	At       string       // the address of this draft
	Failed   string       // why it did not leave
	Files    []fileLine
}

// personView is somebody whom a message is for, or might be.
type personView struct {
	hub.Contact
	Value  string // as the form has them
	Chosen bool
	INS    string // of a patient
	Why    string // they may not be written to; "": they may
}

// fileLine is a file of a draft.
type fileLine struct {
	hub.DraftFile
	Human string // its size, as people say it
}

// heavy is from how many bytes on a draft is saved less often by the script.
const heavy = 2 << 20

// Heavy reports whether the files of the draft are large.
func (v composeView) Heavy() bool {
	var n int64
	for _, f := range v.Files {
		n += f.Size
	}
	return n >= heavy
}

// shut reports whether there is nobody whom the message may be for.
func (v composeView) shut() bool {
	if len(v.Tos) == 0 {
		return !v.Pro && len(v.Contacts) == 0
	}
	return !slices.ContainsFunc(slices.Concat(v.Tos, v.Ccs), func(p personView) bool { return p.Why == "" })
}

func (v composeView) title() string {
	if v.Answers != "" {
		return "write.title.answer"
	}
	return "write.title"
}

// limit is how large the files of a message may be together, in megabytes.
func (c *call) limit(toPatient bool) int64 {
	return c.s.hub.FilesLimit(c.mailbox(), toPatient) / 1_000_000
}

// composing makes what the form shows of a draft.
func (c *call) composing(d hub.Draft, patient string) (v composeView, err error) {
	v = composeView{Draft: d, Pro: c.who.cares(), Patient: patient, At: composeAt(d.ID, patient)}
	chosen := map[string]bool{}
	for list, people := range map[*[]personView][]message.Address{&v.Tos: d.To, &v.Ccs: d.Cc} {
		for _, one := range people {
			p, err := c.person(one)
			if err != nil {
				return v, err
			}
			p.Chosen = true
			chosen[strings.ToLower(one.Spec())] = true
			v.ToOne = v.ToOne || p.Kind == hub.OfPatient
			*list = append(*list, p)
		}
	}
	contacts, err := c.s.hub.Contacts(c.ctx(), c.mailbox())
	if err != nil {
		return v, err
	}
	for _, one := range contacts {
		p := c.personView(one)
		switch {
		case chosen[strings.ToLower(one.Address)]:
		case p.Why != "":
			v.Shut = append(v.Shut, p)
		case len(v.Contacts) < maxNear:
			v.Contacts = append(v.Contacts, p)
		default:
			v.Others = append(v.Others, p)
		}
	}
	v.Limit, v.Most = c.limit(v.ToOne), c.s.hub.FilesLimit(c.mailbox(), v.ToOne)
	for _, f := range d.Files {
		v.Files = append(v.Files, fileLine{f, c.size(f.Size)})
	}
	return v, nil
}

func (c *call) person(one message.Address) (personView, error) {
	who, err := c.s.hub.WhoIs(c.ctx(), c.mailbox(), one)
	return c.personView(who), err
}

func (c *call) personView(who hub.Contact) personView {
	p := personView{Contact: who, Value: who.Address}
	if who.Name != "" && who.Name != who.Address {
		p.Value = who.Name + " <" + who.Address + ">"
	}
	if who.Kind == hub.OfPatient {
		local, _, _ := strings.Cut(who.Address, "@")
		p.INS = spaced(local)
		if who.Name == who.Address {
			p.Name = c.words("write.patient")
		}
	}
	if r := who.Refusal; r != nil {
		if p.Why = c.either(r.FR, r.EN); p.Why == "" {
			p.Why = c.words("write.nobody-there")
		}
	}
	return p
}

// written reads a draft from the form; false if it has no name.
func (c *call) written() (d hub.Draft, ok bool) {
	id, err := hub.ParseMessageID(c.form.value("b"))
	if err != nil {
		return d, false
	}
	d = hub.Draft{
		ID: id, To: c.chosen("to"), Cc: c.chosen("cc"), Subject: oneLine(c.form.text("subject", maxFields)), Text: c.form.text("text", maxFields),
	}
	if c.who.cares() {
		d.ReadReceipt, d.Delivered, d.Ends = c.form.ticked("read"), c.form.ticked("delivered"), c.form.ticked("ends")
	}
	if answers, err := hub.ParseMessageID(c.form.value("a")); err == nil {
		d.Answers = answers
	}
	return d, true
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// chosen reads the people that are ticked in a list: "Name <address>", or the
// address alone.
func (c *call) chosen(field string) (list []message.Address) {
	for _, text := range c.form.values[field] {
		name, spec := "", strings.TrimSpace(text)
		if i := strings.LastIndexByte(text, '<'); i >= 0 && strings.HasSuffix(spec, ">") {
			name, spec = oneLine(text[:i]), strings.TrimSuffix(strings.TrimSpace(text[i+1:]), ">")
		}
		address, err := c.s.hub.ParseAddressee(spec)
		if err != nil || len(list) >= maxRecipients || len(name) > maxValue {
			continue
		}
		one := message.Address{Name: name, Mailbox: address.Local(), Host: address.Domain()}
		if !slices.ContainsFunc(list, func(a message.Address) bool { return a.Spec() == one.Spec() }) {
			list = append(list, one)
		}
	}
	return list
}

// tooLong reports whether more was written than a message may have, and says so:
// it is shown again, and not kept in the place of what was kept before.
func (c *call) tooLong(d hub.Draft) bool {
	if len(d.Text) > maxText {
		c.wrong("text", "wrong.write.too-long")
	}
	if utf8.RuneCountInString(d.Subject) > maxSubject {
		c.wrong("subject", "wrong.write.subject", maxSubject)
	}
	return len(c.form.errs) > 0
}

// checkWritten says what is wrong with what was written, as far as an act needs
// it; whom a professional adds by number or address is checked, and added.
func (c *call) checkWritten(d *hub.Draft, act string) {
	if c.form.spilled {
		c.wrong("files", "wrong.write.too-large", c.limit(false))
	}
	if c.who.cares() {
		c.addRecipients(d)
	}
	if act == "send" || act == "preview" {
		if len(d.To)+len(d.Cc) == 0 && len(c.form.errorsOf("recipient")) == 0 {
			c.wrong(c.whom(), "wrong.write.nobody")
		}
	}
	if act == "add" && c.form.value("recipient") == "" {
		c.wrong("recipient", "wrong.empty")
	}
}

// whom is the field that says whom a message is for.
func (c *call) whom() string {
	if c.who.cares() {
		return "recipient"
	}
	return "to"
}

// addRecipients adds whom a professional names by number or by address.
func (c *call) addRecipients(d *hub.Draft) {
	for _, text := range strings.FieldsFunc(c.form.value("recipient"), func(r rune) bool { return r == ',' || r == ';' }) {
		address, err := c.s.hub.ParseAddressee(text)
		if err != nil {
			c.wrong("recipient", "wrong.write.recipient")
			continue
		}
		one := message.Address{Mailbox: address.Local(), Host: address.Domain()}
		if slices.ContainsFunc(slices.Concat(d.To, d.Cc), func(a message.Address) bool { return a.Spec() == one.Spec() }) {
			continue
		}
		switch err := c.s.hub.CheckRecipient(c.ctx(), c.mailbox(), address); {
		case err == nil:
			d.To = append(d.To, one)
		case !c.blameRecipient("recipient", "", err):
			c.wrong("recipient", "wrong.write.later")
		}
	}
}

// blameRecipient says of an addressee why they may not be written to; false for
// an error that is about something else.
func (c *call) blameRecipient(field, name string, err error) bool {
	text := c.sentence(err)
	switch {
	case text != "":
	case errors.Is(err, fault.NotFound), errors.Is(err, fault.Denied):
		text = c.words("write.nobody-there")
	case errors.Is(err, fault.Invalid):
		text = c.words("wrong.write.recipient")
	case errors.Is(err, fault.Quota):
		text = c.words("wrong.write.full")
	case errors.Is(err, fault.Throttled):
		text = c.words("wrong.throttled")
	default:
		return false
	}
	if name != "" {
		text = c.words("write.of", name, text)
	}
	c.wrongText(field, text)
	return true
}

// brought are the files that came with the form.
func (c *call) brought() (list []message.Attachment) {
	for _, f := range c.form.files("files") {
		list = append(list, message.Attachment{Name: f.Name, Type: f.Type, Content: f.Content})
	}
	return list
}

// quote is what an answer begins with: room, and what it answers.
func (c *call) quote(q hub.Quoted) string {
	text := strings.TrimSpace(q.Text)
	if len(text) > maxQuote {
		text = strings.ToValidUTF8(text[:maxQuote], "") + "\n[…]"
	}
	if text == "" {
		return ""
	}
	head := c.words("write.quoted", moment(c.lang, q.Date.In(c.s.cfg.Zone)), nameOf(q.Author))
	if q.Date.IsZero() {
		head = c.words("write.quoted.undated", nameOf(q.Author))
	}
	return "\n\n" + head + "\n> " + strings.ReplaceAll(text, "\n", "\n> ") + "\n"
}
