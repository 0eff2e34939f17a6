package config

import (
	"bytes"
	"path/filepath"
	"strings"
)

const preamble = `The configuration of a Vaguemestre hub. Relative paths are relative to this
file. A line that begins with "#" and holds a key shows its default. After a
change: SIGHUP reads the certificate again, everything else needs a restart.`

// Commented writes the configuration as a file in which every key is
// documented. What has its default is commented out. Paths below folder are
// written relative to it.
func (c *Config) Commented(folder string) []byte {
	var b bytes.Buffer
	comment(&b, preamble)
	usual := Default()
	mine := c.relative(folder)
	table := ""
	for _, k := range keys {
		t, name, ok := strings.Cut(k.name, ".")
		if !ok {
			t, name = "", k.name
		}
		if t != table {
			b.WriteString("\n[" + t + "]\n")
			table = t
		}
		b.WriteByte('\n')
		comment(&b, k.doc)
		text := k.value(mine).text()
		if text == k.value(usual).text() && !isAddresses(k.value(mine)) {
			b.WriteByte('#')
		}
		b.WriteString(name + " = " + text + "\n")
	}
	return b.Bytes()
}

func isAddresses(v value) bool { _, ok := v.(addressesValue); return ok }

// relative returns a copy whose paths are relative to a folder where they are
// below it.
func (c *Config) relative(folder string) *Config {
	r := *c
	r.Keys.Erasure = append([]string(nil), c.Keys.Erasure...)
	short := func(p *string) {
		if rel, err := filepath.Rel(folder, *p); *p != "" && filepath.IsAbs(*p) && err == nil && filepath.IsLocal(rel) {
			*p = rel
		}
	}
	for _, k := range keys {
		switch v := k.value(&r).(type) {
		case pathValue:
			short(v.at)
		case pathsValue:
			for i := range *v.at {
				short(&(*v.at)[i])
			}
		}
	}
	return &r
}

// comment writes text as comment lines of at most 100 characters.
func comment(b *bytes.Buffer, text string) {
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 100 {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}
