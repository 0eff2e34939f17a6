package adminapi

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"vaguemestre/internal/fault"
)

// A Client asks a running hub.
type Client struct {
	http   http.Client
	socket string
	token  string
}

// NewClient returns a client of the hub behind a socket, for the operator who
// holds the token. It connects when it is used.
func NewClient(socket, token string) *Client {
	c := &Client{socket: socket, token: token}
	c.http.Transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
		DisableCompression: true,
	}
	return c
}

// ErrNotRunning says that nobody answers on the socket.
var ErrNotRunning = fmt.Errorf("no hub answers on its socket: %w", fault.Unavailable)

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Do asks a verb, "noun/verb", and reads its answer into out. What the hub
// refuses is a *Failure; a hub that does not run is ErrNotRunning.
func (c *Client) Do(ctx context.Context, verb string, in, out any) error {
	res, err := c.post(ctx, verb, in)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		return fmt.Errorf("adminapi: answer cut short: %v: %w", err, fault.Unavailable)
	}
	return nil
}

func (c *Client) post(ctx context.Context, verb string, in any) (*http.Response, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("adminapi: request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://hub/v1/"+verb, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("adminapi: request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	res, err := c.http.Do(req)
	var op *net.OpError
	switch {
	case errors.As(err, &op) && op.Op == "dial":
		return nil, ErrNotRunning
	case err != nil:
		return nil, fmt.Errorf("adminapi: %v: %w", err, fault.Unavailable)
	case res.StatusCode == http.StatusOK:
		return res, nil
	}
	defer res.Body.Close()
	f := new(Failure)
	if err := json.NewDecoder(res.Body).Decode(f); err != nil || f.Kind == "" {
		return nil, fmt.Errorf("adminapi: answer %d: %w", res.StatusCode, fault.Internal)
	}
	return nil, f
}

// Export asks for the documents of a patient and hands each sealed file to
// keep, whole or not at all.
func (c *Client) Export(ctx context.Context, in Export, keep func(name string, r io.Reader) error) (files int, err error) {
	res, err := c.post(ctx, "patient/export", in)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	t := tar.NewReader(res.Body)
	for {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = keep(h.Name, t)
		}
		if err != nil {
			return files, errors.Join(err, failureIn(res))
		}
		files++
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil { // the trailer comes after the last byte
		return files, fmt.Errorf("adminapi: export cut short: %v: %w", err, fault.Unavailable)
	}
	return files, failureIn(res)
}

// failureIn reads the failure that came after an answer had begun.
func failureIn(res *http.Response) error {
	text := res.Trailer.Get(trailer)
	if text == "" {
		return nil
	}
	f := new(Failure)
	if err := json.Unmarshal([]byte(text), f); err != nil {
		return fault.Internal
	}
	return f
}
