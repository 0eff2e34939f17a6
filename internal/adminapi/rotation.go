package adminapi

import "context"

// Rotated says how many owners' keys a new hub key was put around.
type Rotated struct {
	Owners int `json:"owners"`
}

func rotateHubKey(ctx context.Context, c call, _ Nothing) (Rotated, error) {
	var out Rotated
	err := c.hub.RotateHubKey(context.WithoutCancel(ctx), c.operator, func(owners int) { out.Owners = owners })
	return out, err
}
