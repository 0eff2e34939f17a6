package adminapi

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
)

// A TrailRequest asks for the trails of a legal request: of one mailbox, or of
// all, for a time. What is sent is sealed as it is kept.
type TrailRequest struct {
	Address   string    `json:"address,omitempty"` // empty: all
	From      time.Time `json:"from,omitzero"`
	To        time.Time `json:"to,omitzero"`
	Reference string    `json:"reference"` // of the request, for the trail
}

// A TrailCount is what was sent.
type TrailCount struct {
	Trails  int    `json:"trails"`
	Entries uint64 `json:"entries"`
	Public  string `json:"public"` // key that signed it, in hexadecimal
}

// counted carries what an export of trails held, after its last byte.
const counted = "Vaguemestre-Count"

func exportTrail(ctx context.Context, c call, w http.ResponseWriter, body io.Reader) error {
	var in TrailRequest
	if err := readJSON(body, &in); err != nil {
		return err
	}
	q := hub.LegalRequest{From: in.From, To: in.To, Reference: in.Reference}
	if in.Reference == "" || !in.To.IsZero() && !in.From.Before(in.To) {
		return fmt.Errorf("adminapi: a request has a reference, and a beginning before its end: %w", fault.Invalid)
	}
	if in.Address != "" {
		var err error
		if q.Of, err = c.address(in.Address); err != nil {
			return err
		}
	}
	w.Header().Set("Trailer", trailer+", "+counted)
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := &begun{Writer: w}
	n, err := c.hub.ExportSealed(ctx, c.operator, q, out)
	if err == nil {
		text, _ := json.Marshal(TrailCount{n.Trails, n.Entries, hex.EncodeToString(n.Public)}) // nothing in it can fail
		w.Header().Set(counted, string(text))
		return nil
	}
	if !out.begun {
		return err
	}
	text, _ := json.Marshal(failureOf(err))
	w.Header().Set(trailer, string(text))
	c.cfg.Log.Error("export of trails failed", "operator", c.operator, "err", err)
	return nil
}

// begun remembers whether anything was written.
type begun struct {
	io.Writer
	begun bool
}

func (b *begun) Write(p []byte) (int, error) {
	b.begun = true
	return b.Writer.Write(p)
}

// ExportTrail asks for trails and copies them, sealed, to w.
func (c *Client) ExportTrail(ctx context.Context, in TrailRequest, w io.Writer) (n TrailCount, err error) {
	res, err := c.post(ctx, "trail/export", in)
	if err != nil {
		return n, err
	}
	defer res.Body.Close()
	if _, err := io.Copy(w, res.Body); err != nil {
		return n, fmt.Errorf("adminapi: export cut short: %v: %w", err, fault.Unavailable)
	}
	if err := failureIn(res); err != nil {
		return n, err
	}
	if err := json.Unmarshal([]byte(res.Trailer.Get(counted)), &n); err != nil {
		return n, fmt.Errorf("adminapi: export without its end: %w", fault.Unavailable)
	}
	return n, nil
}

// A PublicKey is one that verifies signatures, in hexadecimal.
type PublicKey struct {
	Public string `json:"public"`
}

func trailKey(ctx context.Context, c call, _ Nothing) (PublicKey, error) {
	k, err := c.hub.AuditKey(ctx)
	return PublicKey{hex.EncodeToString(k)}, err
}
