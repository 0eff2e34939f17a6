package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
	"vaguemestre/internal/ident"
)

// Who the demo is for the trail, and what the passwords are for.
const (
	demoOperator = "demo"
	demoDevice   = "demo"
)

const enrolTogether = 64 // so that they share flushes

// enrol makes the mailboxes of everybody who has no password yet, and their
// passwords. What an interrupted demo left half made is completed.
func enrol(ctx context.Context, h *hub.Hub, people []person) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(enrolTogether)
	for i := range people {
		if p := &people[i]; p.password == "" {
			g.Go(func() error { return enrolOne(ctx, h, p) })
		}
	}
	return g.Wait()
}

func enrolOne(ctx context.Context, h *hub.Hub, p *person) error {
	var err error
	if p.role == rolePatient {
		_, err = h.Enrol(ctx, demoOperator, hub.Person{Matricule: p.matricule, Traits: p.traits, Minor: p.minor})
	} else {
		err = h.AddBAL(ctx, demoOperator, p.bal)
	}
	if err != nil && !errors.Is(err, fault.Exists) {
		return err
	}
	a, err := ident.ParseAddress(p.address)
	if err != nil {
		return err
	}
	for _, e := range p.life {
		// An event that has happened already is one the state does not allow.
		if _, err := h.Life(ctx, demoOperator, a, e); err != nil && !errors.Is(err, fault.Invalid) {
			return err
		}
	}
	p.password, err = h.AddPassword(ctx, demoOperator, a, demoDevice)
	if errors.Is(err, fault.Exists) { // made, and never written down
		if err = h.RevokePassword(ctx, demoOperator, a, demoDevice); err == nil {
			p.password, err = h.AddPassword(ctx, demoOperator, a, demoDevice)
		}
	}
	return err
}

// share names who shares the mailboxes of the cast. It may be repeated.
func share(ctx context.Context, h *hub.Hub) error {
	for _, s := range sharers {
		mailbox, err := ident.ParseAddress(s.mailbox.address)
		if err != nil {
			return err
		}
		who, err := ident.ParseAddress(s.who.address)
		if err != nil {
			return err
		}
		if err := h.AddMember(ctx, demoOperator, mailbox, who); err != nil && !errors.Is(err, fault.Exists) {
			return err
		}
	}
	return nil
}

// accountsFile lists everybody with their passwords. It is the one file of a
// demo that holds what it must not: names and passwords in clear.
const accountsFile = "accounts.csv"

var accountColumns = []string{"role", "name", "profession", "address", "login", "password", "note", "token"}

// olderAccountColumns are those of before there were tokens, which are made
// anew at each start anyway.
var olderAccountColumns = accountColumns[:len(accountColumns)-1]

// readAccounts reads who is there already, if anybody.
func readAccounts(folder string) ([]person, error) {
	f, err := os.Open(filepath.Join(folder, accountsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("demo: %v: %w", err, fault.Unavailable)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err == nil && len(rows) > 0 && !slices.Equal(rows[0], accountColumns) && !slices.Equal(rows[0], olderAccountColumns) {
		err = errors.New("unknown columns")
	}
	if err != nil {
		return nil, fmt.Errorf("demo: %s: %v: %w", accountsFile, err, fault.Corrupt)
	}
	var list []person
	for _, row := range rows[min(1, len(rows)):] {
		list = append(list, person{role: row[0], name: row[1], profession: row[2], address: row[3], password: row[5], note: row[6]})
	}
	return list, nil
}

func writeAccounts(folder string, people []person) error {
	rows := [][]string{accountColumns}
	for _, p := range people {
		rows = append(rows, []string{p.role, p.name, p.profession, p.address, p.address, p.password, p.note, p.token})
	}
	return replaceFile(filepath.Join(folder, accountsFile), func(w io.Writer) error { return csv.NewWriter(w).WriteAll(rows) })
}

// reconcile gives the people of this demo the passwords they have already, and
// keeps those who are there from an earlier, larger one. missing counts those
// who have no password yet.
func reconcile(people, known []person) (all []person, missing int) {
	passwords := map[string]string{}
	for _, p := range known {
		passwords[p.address] = p.password
	}
	for i := range people {
		p := &people[i]
		if p.password = passwords[p.address]; p.password == "" {
			missing++
		}
		delete(passwords, p.address)
	}
	for _, p := range known {
		if _, ok := passwords[p.address]; ok {
			people = append(people, p)
		}
	}
	return people, missing
}
