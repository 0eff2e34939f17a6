package directory

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"vaguemestre/internal/fact"
	"vaguemestre/internal/fault"
	"vaguemestre/internal/store"
)

// A Member is a professional who shares a mailbox that is nobody's own, by
// name.
type Member struct {
	RPPS    string
	Name    string // as it was when they were named
	Address string // of their own mailbox, likewise
	Since   time.Time
}

const memberPrefix = "dir/m/"

func memberKey(s fact.Scope, rpps string) string {
	mac := s.Key.MAC("directory/member", string(s.Part), rpps)
	return memberPrefix + hex.EncodeToString(mac[:16])
}

// ID names a member in the mailbox of a partition: it is opaque, and the same as
// long as they are one.
func (m Member) ID(s fact.Scope) string {
	return strings.TrimPrefix(memberKey(s, m.RPPS), memberPrefix)[:12]
}

// Shared reports whether a mailbox may have members.
func (b BAL) Shared() bool { return b.Kind == Organisational || b.Kind == Practice }

// Admit makes a professional a member of the mailbox in a partition. One who is
// is fault.Exists.
func Admit(w store.Writer, s fact.Scope, m Member) error {
	if _, ok, err := MemberOf(w, s, m.RPPS); err != nil || ok {
		if err == nil {
			err = fmt.Errorf("directory: member: %w", fault.Exists)
		}
		return err
	}
	return fact.PutRight(w, s, memberKey(s, m.RPPS), m)
}

// Dismiss ends a membership. One who is no member is fault.NotFound.
func Dismiss(w store.Writer, s fact.Scope, rpps string) error {
	if _, ok, err := MemberOf(w, s, rpps); err != nil || !ok {
		if err == nil {
			err = fmt.Errorf("directory: member: %w", fault.NotFound)
		}
		return err
	}
	return fact.DeleteRight(w, s, memberKey(s, rpps))
}

// MemberOf returns the member of that number. ok is false if they are none.
func MemberOf(r store.Reader, s fact.Scope, rpps string) (m Member, ok bool, err error) {
	if rpps == "" {
		return m, false, nil
	}
	return fact.GetRight[Member](r, s, memberKey(s, rpps))
}

// Members lists those of the mailbox in a partition, by name.
func Members(r store.Reader, s fact.Scope) (list []Member, err error) {
	for m, err := range fact.AllRights[Member](r, s, memberPrefix) {
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// SharedWith returns the partitions of the mailboxes that a professional may be a
// member of, in a transaction on the ProfessionalPart of the number, which s names:
// each says itself whether they are.
func SharedWith(r store.Reader, s fact.Scope) ([]store.Part, error) {
	list, _, err := fact.Get[[]store.Part](r, s, "dir/shared")
	return list, err
}

// Share adds a mailbox to those; Unshare takes it away. Doing so again is not an
// error.
func Share(w store.Writer, s fact.Scope, part store.Part) error {
	list, err := SharedWith(w, s)
	if err != nil || slices.Contains(list, part) {
		return err
	}
	return fact.Put(w, s, "dir/shared", append(list, part))
}

// Unshare does as Share says.
func Unshare(w store.Writer, s fact.Scope, part store.Part) error {
	list, err := SharedWith(w, s)
	if err != nil || !slices.Contains(list, part) {
		return err
	}
	return fact.Put(w, s, "dir/shared", slices.DeleteFunc(list, func(p store.Part) bool { return p == part }))
}
