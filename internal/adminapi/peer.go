package adminapi

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"vaguemestre/internal/fault"
)

// A peer is the process at the other end of a connection, as the kernel tells.
type peer struct {
	uid   uint32
	known bool
}

type peerKey struct{}

// withPeer remembers the peer of a connection (SO_PEERCRED, unix(7)).
func withPeer(ctx context.Context, c net.Conn) context.Context {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return ctx
	}
	var p peer
	err = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			p = peer{cred.Uid, true}
		}
	})
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, p)
}

// operator tells who asks: the name that belongs to the token, and the user of
// the process, as the trail has them. Only root and the user who runs the hub
// are let in, whatever became of the mode of the socket.
func (s *Server) operator(r *http.Request) (string, error) {
	p, _ := r.Context().Value(peerKey{}).(peer)
	if !p.known || (p.uid != 0 && p.uid != uint32(os.Geteuid())) { // #nosec G115 -- a uid has 32 bits
		return "", fmt.Errorf("adminapi: another user of this machine: %w", fault.Denied)
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return "", fmt.Errorf("adminapi: no token: %w", fault.Unauthenticated)
	}
	name, ok := s.cfg.Operators(token)
	if !ok {
		return "", fmt.Errorf("adminapi: token: %w", fault.Unauthenticated)
	}
	return fmt.Sprintf("operator %s (uid %d)", name, p.uid), nil
}
