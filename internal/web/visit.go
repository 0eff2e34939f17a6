package web

import (
	"fmt"
	"strings"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
)

// Whose record a page is about. The pages of one's own are at /documents,
// /activite …; those of somebody for whom one acts at /proches/RECORD/documents …
// and show whose they are; those of a professional's patient at
// /patients/RECORD/documents ….

const peoplePath = "/proches"

// root begins the addresses of the pages about the record of this one.
func (c *call) root() string {
	id := c.r.PathValue("record")
	before, _, found := strings.Cut(c.r.URL.Path, "/"+id)
	if id == "" || !found {
		return ""
	}
	return before + "/" + id
}

// at is the address of a page about the record of this one.
func (c *call) at(path string) string { return c.root() + path }

// At does the same in a template.
func (v view) At(path string) string { return v.root + path }

// Posted is what somebody filled in, where a form is shown again.
func (v view) Posted(name string) string { return v.form.value(name) }

// token stands for somebody in the address of a page about this record, in place
// of their own.
func (c *call) token(address string) string {
	text, err := c.s.hub.SealState("person", []byte(c.record()+" "+address))
	if err != nil {
		c.s.cfg.Log.Error("web: token", "err", err)
	}
	return text
}

// tokenOf is the address that a token of this record stands for; "" for none.
func (c *call) tokenOf(text string) string {
	b, err := c.s.hub.OpenState("person", text)
	record, address, _ := strings.Cut(string(b), " ")
	if err != nil || record != c.record() {
		return ""
	}
	return address
}

// visit opens the door where a page is one of somebody for whom one acts. Whoever
// does not is told that there is no such page.
func (c *call) visit() error {
	if c.who == nil || !strings.HasPrefix(c.root(), peoplePath+"/") {
		return nil
	}
	v, err := c.s.hub.Visit(c.ctx(), c.who.Actor, c.record())
	if err != nil {
		return err
	}
	c.visited = &v
	c.about(subject{Of: "people.in-space-of", Name: v.Traits.Name(), Path: c.root(), Leave: peoplePath, Out: "people.leave"})
	return nil
}

// unseen makes nothing of what somebody is not entrusted with in the space of
// another: there is no such page for them.
func (c *call) unseen(err error) error {
	if c.visited != nil && (refusedBy(err, "carer/not-entrusted") || refusedBy(err, "delegation/ended")) {
		return fmt.Errorf("web: not in what is entrusted: %w", fault.NotFound)
	}
	return err
}

// Around lists the pages about who does what in a space: in that of somebody
// else, and as far as the door lets whoever is there use them, all there are; in
// one's own on those pages alone.
func (v view) Around() (list []navItem) {
	may := hub.Possible{Trail: true, Access: true, Persons: true, Export: true}
	helpers := "people.carers.mine"
	if v.Visited != nil {
		may, helpers = v.Visited.May, "people.carers.nav"
		list = append(list, navItem{Path: v.At(""), Name: "people.home", Here: v.Path == v.At("")})
	}
	here := v.Visited != nil
	for _, p := range []struct {
		path, words string
		may         bool
	}{
		{documentsPath, "nav.documents", may.Read},
		{activityPath, "activity.title", may.Trail},
		{accessPath, "access.title", may.Access},
		{carersPath, helpers, may.Persons},
		{exportPath, "export.nav", may.Export},
	} {
		if path := v.At(p.path); p.may {
			item := navItem{Path: path, Name: p.words, Here: v.Path == path || strings.HasPrefix(v.Path, path+"/")}
			list = append(list, item)
			here = here || item.Here
		}
	}
	if !here {
		return nil
	}
	return list
}
