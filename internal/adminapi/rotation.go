package adminapi

import (
	"context"
	"time"
)

// Rotated says how many owners' keys a new hub key was put around.
type Rotated struct {
	Owners int `json:"owners"`
}

func rotateHubKey(ctx context.Context, c call, _ Nothing) (Rotated, error) {
	var out Rotated
	err := c.hub.RotateHubKey(context.WithoutCancel(ctx), c.operator, func(owners int) { out.Owners = owners })
	return out, err
}

// A KeyRotation is what became of an owner's keys.
type KeyRotation struct {
	Rewrapped int       `json:"rewrapped"`     // what was wrapped for the new key this time
	Ends      time.Time `json:"ends,omitzero"` // when the old key goes; zero: it is gone
}

func rotateOwnerKey(ctx context.Context, c call, in Name) (KeyRotation, error) {
	a, err := c.address(in.Address)
	if err != nil {
		return KeyRotation{}, err
	}
	k, err := c.hub.RotateOwnerKey(context.WithoutCancel(ctx), c.operator, a)
	return KeyRotation(k), err
}

// Adopted says how many partitions' rights were signed.
type Adopted struct {
	Partitions int `json:"partitions"`
}

func adoptRights(ctx context.Context, c call, _ Nothing) (Adopted, error) {
	n, err := c.hub.AdoptRights(context.WithoutCancel(ctx), c.operator)
	return Adopted{n}, err
}
