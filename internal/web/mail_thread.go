package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/mailbox"
)

// threadView is what the page of a thread shows.
type threadView struct {
	hub.ThreadView
	Messages []messageView
	Folders  []hub.FolderLine
	Refusal  string // why there is no answer; "": there may be one
	Back     string // the list it is in
	Trash    bool   // all of it is thrown away
	Long     bool   // there is more than one message
	Pro      bool
	Ends     bool // a professional may end the exchange: it is with a patient
}

// messageView is one message on it.
type messageView struct {
	hub.Message
	Open    bool // unfolded
	Chunks  []chunk
	Height  int    // of the frame of a message in HTML: 1 to 4
	Flowing string // its text, without the breaks of full lines
	Files   []fileView
	Path    string
	Token   string
}

// fileView is one attachment.
type fileView struct {
	hub.File
	Kind   string // a key of the catalogue: what sort of file it is
	Path   string // where it is taken from
	See    string // where it is seen in the browser; "": nowhere
	Read   bool   // See is a page of ours that makes it readable
	Image  bool   // small enough to be shown at once
	Peek   bool   // it can be unfolded, where the screen is wide
	NewTab bool
	Human  string // its size, as people say it
}

func (c *call) messageID() (hub.MessageID, error) {
	return hub.ParseMessageID(c.r.PathValue("message"))
}

// threadPage opens a thread, and marks it as read.
func (c *call) threadPage() error {
	v, err := c.thread(c.s.hub.Thread)
	if err != nil {
		return err
	}
	if t := v.reading(); t.Seen != nil && c.r.Method == http.MethodGet {
		if err := c.s.hub.Tidy(c.ctx(), c.mailbox(), t); err != nil {
			return err
		}
	}
	withFrames(c.w.Header())
	return c.page("mail/thread", "mail.thread.title", v)
}

// reading marks as read what is on the page: with the whole thread the notices in
// it, else the messages that are shown.
func (v *threadView) reading() (t hub.Tidying) {
	seen, whole := true, v.Earlier == "" && v.Later == ""
	for i := range v.Messages {
		m := &v.Messages[i]
		whole = whole && m.Body != nil
		if m.Unread && m.Body != nil {
			t.Seen = &seen
			t.Messages = append(t.Messages, m.ID)
		}
	}
	if whole {
		t.Threads, t.Messages = []hub.MessageID{v.At}, nil
	}
	return t
}

// printThread is a thread as it is printed: all unfolded, nothing to press.
func (c *call) printThread() error {
	v, err := c.thread(c.s.hub.WholeThread)
	if err != nil {
		return err
	}
	return c.page("mail/print", "mail.print.title", v)
}

// thread reads one, as much of it as open gives.
func (c *call) thread(open func(context.Context, hub.Actor, hub.MessageID) (hub.ThreadView, error)) (v threadView, err error) {
	id, err := c.messageID()
	if err != nil {
		return v, err
	}
	t, err := open(c.ctx(), c.mailbox(), id)
	if err != nil {
		return v, err
	}
	list, err := c.s.hub.Threads(c.ctx(), c.mailbox(), hub.ThreadSearch{Folder: mailbox.Drafts})
	if err != nil {
		return v, err
	}
	v = threadView{ThreadView: t, Folders: list.Folders, Back: mailboxPath, Pro: c.who.cares(), Trash: t.Folder == mailbox.Trash}
	if t.Folder > mailbox.Inbox {
		v.Back = fmt.Sprintf("%s?dossier=%d", mailboxPath, t.Folder)
	}
	if t.Refused != nil {
		v.Refusal = c.either(t.Refused.FR, t.Refused.EN)
	}
	v.ThreadView.Messages = nil
	for i, m := range t.Messages {
		mv := c.messageView(m)
		mv.Open = m.Body != nil && (m.ID == t.At && t.At != t.ID || m.Unread || i == len(t.Messages)-1)
		v.Messages = append(v.Messages, mv)
		for _, who := range append(m.To, m.From) {
			v.Ends = v.Ends || who.Kind == hub.OfPatient
		}
	}
	v.Ends, v.Long = v.Ends && v.Pro, len(v.Messages) > 1 || v.Earlier != "" || v.Later != ""
	return v, nil
}

func (c *call) messageView(m hub.Message) messageView {
	mv := messageView{Message: m, Path: messagePath + m.ID.String(), Token: c.formToken()}
	if m.Body == nil {
		return mv
	}
	mv.Flowing = reflow(m.Body.Text)
	mv.Chunks, mv.Height = foldQuotes(mv.Flowing), heightOf(m.Body.Text)
	for _, f := range m.Body.Files {
		mv.Files = append(mv.Files, c.fileView(mv.Path, f))
	}
	return mv
}

// Filed is the page of a document that it brought into the record of whoever
// reads it.
func (messageView) Filed(d hub.BroughtDocument) string {
	return documentsPath + "/" + idInRecord(d.ID)
}

// heightOf guesses how high a text is: of four sizes.
func heightOf(text string) int {
	const wide, low, step = 70, 6, 6 // characters of a line; lines that fit the lowest frame, and how many more the next
	lines := 0
	for line := range strings.SplitSeq(text, "\n") {
		lines += 1 + utf8.RuneCountInString(line)/wide
	}
	return min(4, 1+max(0, lines-low+step-1)/step)
}

// Initials are those of whoever wrote it, for the eye.
func (m messageView) Initials() string { return initials(m.From.Name) }

func initials(name string) string {
	var out []rune
	for word := range strings.FieldsSeq(name) {
		r, _ := utf8.DecodeRuneInString(word)
		little := unicode.IsLower(r) && len(word) <= 3 // "de", "des"
		if unicode.IsLetter(r) && !little && word != "Dr" && word != "Pr" && len(out) < 2 {
			out = append(out, unicode.ToUpper(r))
		}
	}
	if len(out) == 0 {
		return "·"
	}
	return string(out)
}

// reflow joins the lines that a mail program broke because they were full, so
// that a text fits a narrow screen: where the next word had no room. Lists,
// quotes, and whatever is aligned with blanks stay as they are.
func reflow(text string) string {
	const narrow, wide = 60, 100 // how long a full line is
	lines := strings.Split(text, "\n")
	full := 0
	for _, l := range lines {
		if n := utf8.RuneCountInString(l); n <= wide {
			full = max(full, n)
		}
	}
	if full < narrow {
		return text
	}
	var b strings.Builder
	for i, l := range lines {
		b.WriteString(l)
		if i == len(lines)-1 {
			break
		}
		first, _, _ := strings.Cut(lines[i+1], " ")
		n := utf8.RuneCountInString(l)
		if flows(l) && flows(lines[i+1]) && n <= wide && n+1+utf8.RuneCountInString(first) > full {
			b.WriteString(" ")
		} else {
			b.WriteString("\n")
		}
	}
	return b.String()
}

// flows reports whether a line is prose.
func flows(line string) bool {
	r, _ := utf8.DecodeRuneInString(line)
	return (unicode.IsLetter(r) || r == '(' || r == '«' || r == '"') && !strings.Contains(line, "  ") && !strings.Contains(line, "\t")
}

// A chunk is a stretch of a text: what its author wrote, or what they quote.
type chunk struct {
	Quoted bool
	Text   string
}

// foldQuotes tells quoted lines from others. The line that introduces a quote
// ("Le 3 mars, le Dr Thomas a écrit :") goes with it.
func foldQuotes(text string) (list []chunk) {
	var own, quoted []string
	flush := func(lines *[]string, isQuote bool) {
		s := strings.Trim(strings.Join(*lines, "\n"), "\n")
		if strings.TrimSpace(s) != "" {
			list = append(list, chunk{isQuote, s})
		}
		*lines = nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, ">") {
			if len(quoted) == 0 {
				intro := introduction(&own)
				flush(&own, false)
				quoted = intro
			}
			quoted = append(quoted, line)
			continue
		}
		if len(quoted) > 0 && strings.TrimSpace(line) != "" {
			flush(&quoted, true)
		}
		if len(quoted) > 0 {
			quoted = append(quoted, line)
		} else {
			own = append(own, line)
		}
	}
	flush(&quoted, true)
	flush(&own, false)
	return list
}

// introduction takes the line that introduces a quote off what was written before
// it.
func introduction(own *[]string) []string {
	for i := len(*own) - 1; i >= 0; i-- {
		line := strings.TrimSpace((*own)[i])
		if line == "" {
			continue
		}
		if strings.HasSuffix(line, ":") && len(line) < 200 {
			intro := append([]string{}, (*own)[i:]...)
			*own = (*own)[:i]
			return intro
		}
		return nil
	}
	return nil
}

// tidyThread does something with the thread, or with the one message of it that
// the form names.
func (c *call) tidyThread() error {
	id, err := c.messageID()
	if err != nil {
		return err
	}
	here := messagePath + id.String()
	switch c.form.value("faire") {
	case "accuser":
		err := c.s.hub.SendReadReceipt(c.ctx(), c.mailbox(), id)
		if s := c.sentence(err); s != "" {
			c.wrongText("", s)
			v, err := c.thread(c.s.hub.Thread)
			if err != nil {
				return err
			}
			withFrames(c.w.Header())
			return c.again("mail/thread", "mail.thread.title", v)
		}
		return c.after(err, here, "news.mail.receipt-sent")
	case "taire":
		return c.after(c.s.hub.WaiveReadReceipt(c.ctx(), c.mailbox(), id), here, "news.mail.receipt-waived")
	case "suivre":
		return c.after(c.s.hub.TakeCharge(c.ctx(), c.mailbox(), id, true), here, "news.charge-taken")
	case "laisser":
		return c.after(c.s.hub.TakeCharge(c.ctx(), c.mailbox(), id, false), here, "news.charge-left")
	}
	t := hub.Tidying{Threads: []hub.MessageID{id}}
	if c.form.ticked("seul") {
		t = hub.Tidying{Messages: []hub.MessageID{id}}
	}
	news, ok := c.tidying(&t)
	if !ok {
		return c.to(here, "news.mail.nothing")
	}
	if err := c.s.hub.Tidy(c.ctx(), c.mailbox(), t); err != nil {
		return err
	}
	return c.to(c.mailBack(), news)
}

// blameFolder says what is wrong with a folder's name, or with dropping it; false
// for an error that is about neither.
func (c *call) blameFolder(err error) bool {
	switch {
	case errors.Is(err, fault.Exists):
		c.wrong("folder-name", "wrong.mail.folder-exists")
	case errors.Is(err, fault.Invalid), errors.Is(err, fault.TooLarge):
		c.wrong("folder-name", "wrong.mail.folder-name")
	case errors.Is(err, fault.Conflict):
		c.wrong("", "wrong.mail.folder-full")
	default:
		return false
	}
	return true
}
