package hub

import (
	"fmt"
	"strings"

	"vaguemestre/internal/fault"
)

// A MessageID names a message of a mailbox as long as it lives, in whatever
// folder: opaque, of no meaning in any other mailbox, and fit for an address of
// a page. Copies of a message share it.
type MessageID string

// messageIDLength is that of the identifiers that filing gives.
const messageIDLength = 26

// ParseMessageID reads a MessageID from an address. What cannot be one is
// fault.NotFound, as one that names nothing is.
func ParseMessageID(s string) (MessageID, error) {
	if len(s) != messageIDLength || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return "", fmt.Errorf("hub: message: %w", fault.NotFound)
	}
	return MessageID(s), nil
}

// String returns the form that ParseMessageID reads.
func (id MessageID) String() string { return string(id) }
