package adminapi

import (
	"context"
	"encoding/json"
	"time"

	"vaguemestre/internal/ident"
	"vaguemestre/internal/smart"
	"vaguemestre/internal/software"
)

// A Program is one that may ask for access to the API.
type Program struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Redirects   []string        `json:"redirects,omitempty"`
	Keys        json.RawMessage `json:"keys,omitempty"`        // JWK set of its public keys
	Certificate string          `json:"certificate,omitempty"` // SHA-256 of its TLS certificate
	Mailbox     string          `json:"mailbox,omitempty"`     // of a system: what it acts for
	Scopes      string          `json:"scopes"`
	Trusted     bool            `json:"trusted,omitempty"`
	Created     time.Time       `json:"created,omitzero"`
}

// A ProgramID is a request about one program.
type ProgramID struct {
	ID string `json:"id"`
}

// An Ended says how many authorizations ended with a program.
type Ended struct {
	Authorizations int `json:"authorizations"`
}

func addProgram(ctx context.Context, c call, in Program) (ProgramID, error) {
	scopes, err := smart.Parse(in.Scopes)
	if err != nil {
		return ProgramID{}, err
	}
	client := software.Client{
		ID: in.ID, Name: in.Name, Redirects: in.Redirects, Keys: in.Keys, Certificate: in.Certificate, Scopes: scopes, Trusted: in.Trusted,
	}
	if in.Mailbox != "" {
		a, err := ident.ParseAddress(in.Mailbox)
		if err != nil {
			return ProgramID{}, err
		}
		client.Mailbox = a.Canonical()
	}
	return ProgramID{in.ID}, c.hub.AddClient(ctx, c.operator, client)
}

func listPrograms(ctx context.Context, c call, _ Nothing) ([]Program, error) {
	list, err := c.hub.Clients(ctx)
	out := make([]Program, len(list))
	for i, p := range list {
		out[i] = Program{p.ID, p.Name, p.Redirects, p.Keys, p.Certificate, p.Mailbox, string(p.Scopes), p.Trusted, p.Created}
	}
	return out, err
}

func removeProgram(ctx context.Context, c call, in ProgramID) (Ended, error) {
	n, err := c.hub.RemoveClient(ctx, c.operator, in.ID)
	return Ended{n}, err
}
