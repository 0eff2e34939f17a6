package adminapi

import (
	"context"
	"time"
)

// An Authorization is what a program may do for the owner of a mailbox.
type Authorization struct {
	ID      string    `json:"id"`
	Program string    `json:"program"` // as people see it
	Scopes  string    `json:"scopes"`
	Begun   time.Time `json:"begun"`
	Ends    time.Time `json:"ends"`
}

// An AuthorizationID is a request about one of them.
type AuthorizationID struct {
	Address string `json:"address"`
	ID      string `json:"id"`
}

func listAuthorizations(ctx context.Context, c call, in Name) ([]Authorization, error) {
	a, err := c.address(in.Address)
	if err != nil {
		return nil, err
	}
	list, err := c.hub.Authorizations(ctx, a)
	out := make([]Authorization, len(list))
	for i, n := range list {
		out[i] = Authorization{n.ID, n.Name, string(n.Scopes), n.Begun, n.Ends}
	}
	return out, err
}

func endAuthorization(ctx context.Context, c call, in AuthorizationID) (Nothing, error) {
	a, err := c.address(in.Address)
	if err != nil {
		return Nothing{}, err
	}
	return Nothing{}, c.hub.EndAuthorization(ctx, c.operator, a, in.ID)
}
