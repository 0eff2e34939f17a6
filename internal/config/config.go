// Package config is the one configuration file of a hub. A table (keys.go)
// names every key, what it means and what it may be; reading, checking and the
// commented file that `vaguemestre init` writes all come from that table, so
// that what is documented is what is read.
//
// It reads files and nothing else: it opens no store, no port and no key. What
// is wrong is told all at once, each fault with its line, the key and what is
// allowed; a secret in the file is never repeated in an error, a log line or a
// printed value.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vaguemestre/internal/fault"
)

// FileName is the configuration file in a data folder.
const FileName = "vaguemestre.toml"

// A Config is a configuration. Paths are as the process can open them; sizes
// are in bytes; an address is "host:port", with port 0 for any free one.
type Config struct {
	Path string // of the file it was read from, empty if none

	Installation  string // what the store was marked with when it was made
	Domain        string
	PatientDomain string
	TestMode      bool
	Product       string
	TimeZone      string
	Operators     string // folder
	Checkpoints   string // file

	Listen Listen
	TLS    TLS
	Keys   Keys
	Store  Store
	Blobs  string // folder
	Redis  Secret // URL; empty: hints stay in the process
	Limits Limits
	Log    Log
	Web    Web

	Professionals Professionals

	Notices Notices
	Life    Life
	Janitor Janitor
}

// Listen says where the hub answers. An empty list is a port that is off.
type Listen struct {
	SMTPS, Submission, IMAPS, IMAP, HTTPS []string
	Metrics                               string // loopback; empty: off
	Admin                                 string // path of the unix socket
}

// TLS names the PEM files of the server's certificate chain and its key.
type TLS struct{ Certificate, Key string }

// Keys names the files of the keys.
type Keys struct {
	Hub     string   // the ring; absent in a process that is sealed
	Rights  string   // certificate that verifies rights
	Index   string   // index key
	Erasure []string // replicas of the erasure secrets
	Escrow  string   // certificate of the audit escrow
}

// Store says where the records are kept: exactly one is set.
type Store struct {
	SQLite   string // file
	Postgres Secret // connection string
}

// Limits bound what people and machines may do; see the table for each.
type Limits struct {
	Mail, PatientMail, Quota int64
	Recipients               int

	Connections, ConnectionsPerAddress int
	Sessions                           int // IMAP, per account
	LoginFailures                      int
	LoginFailuresPerConnection         int
	SMTPErrors                         int
	RefusedPerHour, RefusedPerDay      int
	RefusedShare                       int // per cent

	RecordsPerHour            int
	GlassPerDay               int
	Glass, Declared, CareTeam time.Duration

	SMTPMemory, HTTPMemory, IMAPMemory, ListingCache int64
	Memory                                           int64 // soft limit of the whole process; 0: none

	Handshake, Anonymous, SMTPIdle, IMAPIdle, Act, Drain time.Duration
}

// Log says how the log is written.
type Log struct{ Level, Format string }

// Janitor says how often housekeeping looks around.
type Janitor struct{ Outbox, Notices, Checkpoint, Life, Sweep time.Duration }

// Web says how the HTTPS port is reached.
type Web struct {
	Base    string
	Strict  bool   // about the French profile of FHIR
	Support string // how people reach whoever runs the hub
}

// Professionals says where professionals prove who they are.
type Professionals struct {
	Issuer, ClientID string
	ClientSecret     Secret
	Scopes           []string
	ACR, Claim       string
	Programs         []string // "ID=NAME"
	SAMU             []string // FINESS numbers
	BlockSparesMail  bool
}

// Notices says how people are told things outside of the hub.
type Notices struct {
	Smarthost string // host:port
	From      string // address
	User      string
	Password  Secret
	SMS       string // URL
	SMSToken  Secret
	Folder    string // instead of both, in test mode
}

// Life says what happens by itself in the life of a space, and when.
type Life struct{ Opening, Archiving, Erasure time.Duration }

// Load reads the file at path. Relative paths in it are relative to its
// folder. A file that is absent is fault.NotFound, one that is not right
// fault.Invalid; the error has one line for each thing that is wrong.
func Load(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("config: %s: %w", path, fault.NotFound)
	case err != nil:
		return nil, fmt.Errorf("config: %v: %w", err, fault.Unavailable)
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("config: %v: %w", err, fault.Unavailable)
	}
	c, problems := parse(text, filepath.Dir(path))
	if len(problems) > 0 {
		return nil, &Invalid{path, problems}
	}
	c.Path = path
	return c, nil
}

// Parse reads a configuration from text; folder is what its paths are relative
// to. Its errors are those of Load.
func Parse(text []byte, folder string) (*Config, error) {
	c, problems := parse(text, folder)
	if len(problems) > 0 {
		return nil, &Invalid{FileName, problems}
	}
	return c, nil
}

// Default returns the configuration of an empty file, which lacks what has no
// default.
func Default() *Config {
	c := new(Config)
	for _, k := range keys {
		k.value(c).reset()
	}
	return c
}

// A Problem is one thing that is wrong in a file.
type Problem struct {
	Line int // 0: something that is not there
	Text string
}

// Invalid is the error of a file that is not right. It wraps fault.Invalid.
type Invalid struct {
	Path     string
	Problems []Problem
}

// Error gives a line for each problem, in the form that editors jump to.
func (e *Invalid) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.Path)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": " + p.Text)
	}
	return b.String()
}

// Unwrap gives the kind.
func (e *Invalid) Unwrap() error { return fault.Invalid }
