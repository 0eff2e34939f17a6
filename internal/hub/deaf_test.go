package hub

import (
	"context"

	"vaguemestre/internal/store"
)

type deaf struct{}

func (deaf) Publish(context.Context, store.Part) error  { return nil }
func (deaf) Watch(store.Part) (<-chan struct{}, func()) { return nil, func() {} }
func (deaf) Close() error                               { return nil }
