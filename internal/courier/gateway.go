package courier

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"vaguemestre/internal/fault"
	"vaguemestre/internal/hub"
)

// A Gateway is a provider of text messages that takes them by HTTP: a POST of
//
//	{"to": "+33612345678", "text": "…", "reference": "…"}
//
// with a bearer token. The reference is the same when a text is sent again, so
// that the provider can leave out what it has had.
type Gateway struct {
	URL    string // https, or a loopback address
	Token  string
	Client *http.Client // default: one with a timeout
}

// gatewayTime bounds one request.
const gatewayTime = 20 * time.Second

// Carry implements Carrier.
func (g *Gateway) Carry(ctx context.Context, o hub.Outgoing) error {
	ctx, cancel := context.WithTimeout(ctx, gatewayTime)
	defer cancel()
	body, err := json.Marshal(struct {
		To        string `json:"to"`
		Text      string `json:"text"`
		Reference string `json:"reference"`
	}{o.Address, o.Text, o.ID})
	if err != nil {
		return fmt.Errorf("courier: gateway: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("courier: gateway: %w", fault.Internal)
	}
	req.Header.Set("Content-Type", "application/json")
	if g.Token != "" {
		req.Header.Set("Authorization", "Bearer "+g.Token)
	}
	client := g.Client
	if client == nil {
		client = &http.Client{Timeout: gatewayTime, CheckRedirect: noRedirect}
	}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("courier: gateway: no answer: %w", fault.Unavailable)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection serves again
	switch {
	case res.StatusCode/100 == 2:
		return nil
	case res.StatusCode == http.StatusBadRequest, res.StatusCode == http.StatusNotFound, res.StatusCode == http.StatusUnprocessableEntity:
		return fmt.Errorf("courier: gateway: status %d: %w", res.StatusCode, fault.Invalid)
	}
	return fmt.Errorf("courier: gateway: status %d: %w", res.StatusCode, fault.Unavailable)
}

// noRedirect keeps a text and the token from going anywhere else.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
