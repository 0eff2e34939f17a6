package imapd

import (
	"slices"
	"sort"
	"sync/atomic"

	"github.com/emersion/go-imap/v2"

	"vaguemestre/internal/mailbox"
)

// A view is a folder as one client has been told of it. Everything happens in
// order: what is told is the next of the folder's events, so the client's
// sequence numbers are those of the moment up to which it was told.
//
// Its fields are guarded by the folder's lock.
type view struct {
	f      *folder
	id     uint32
	at     uint64 // number of the next event to tell
	exists uint32 // how many messages the client knows
	lost   bool   // fell too far behind
}

var lastView atomic.Uint32

// newView opens a view that knows f as it is now.
func (f *folder) newView() *view {
	f.mu.Lock()
	defer f.mu.Unlock()
	v := &view{f: f, id: lastView.Add(1), at: f.next(), exists: uint32(len(f.messages))}
	f.views[v] = struct{}{}
	return v
}

// close ends the view.
func (v *view) close() {
	v.f.mu.Lock()
	defer v.f.mu.Unlock()
	delete(v.f.views, v)
	v.f.trim()
}

// ended says whether the client must go, and why: text for its BYE.
func (v *view) ended() string {
	v.f.mu.Lock()
	defer v.f.mu.Unlock()
	switch {
	case v.f.gone:
		return "The mailbox was deleted"
	case v.lost:
		return "Too many changes were not asked for"
	}
	return ""
}

// A notice is an event in the form that the client is told.
type notice struct {
	kind  eventKind
	seq   uint32
	n     uint32
	uid   mailbox.UID
	flags mailbox.Flags
}

// tell returns what the client has not been told and takes it as told. Where
// messages may not leave (RFC 9051 §7.5.1) it stops before the first that did.
func (v *view) tell(mayLeave bool) []notice {
	v.f.mu.Lock()
	defer v.f.mu.Unlock()
	if v.lost {
		return nil
	}
	var told []notice
	for _, e := range v.f.events[v.at-v.f.first:] {
		if e.kind == left && !mayLeave {
			break
		}
		v.at++
		switch e.kind {
		case came:
			if n := len(told); n > 0 && told[n-1].kind == came {
				told = told[:n-1]
			}
			v.exists = e.seq
			told = append(told, notice{kind: came, seq: e.seq})
		case left:
			v.exists -= e.n
			told = append(told, notice{kind: left, seq: e.seq, n: e.n})
		case flagged:
			if i, ok := v.f.find(e.uid); ok && e.by != v.id {
				told = append(told, notice{kind: flagged, seq: e.seq, uid: e.uid, flags: v.f.flags(v.f.messages[i])})
			}
		}
	}
	v.f.trim()
	return told
}

// A target is a message that a command names, with the number its client
// knows it by.
type target struct {
	message
	seq   uint32
	flags mailbox.Flags
}

// targets returns the messages of set that are there and that the client
// knows, ascending. saved stands for "$" (RFC 5182).
func (v *view) targets(set imap.NumSet, saved []mailbox.UID) []target {
	v.f.mu.Lock()
	defer v.f.mu.Unlock()
	if v.lost {
		return nil
	}
	numbers := v.numbers()
	s := v.span(set, saved, numbers)
	var ts []target
	for i, m := range v.f.messages {
		seq := uint32(i + 1)
		if numbers != nil {
			seq = numbers[i]
		}
		if seq == 0 || seq > v.exists {
			continue
		}
		n := seq
		if s.byUID {
			n = uint32(m.uid)
		}
		if s.has(n) {
			ts = append(ts, target{m, seq, v.f.flags(m)})
		}
	}
	return ts
}

// numbers returns, for each message of the folder, the client's number for it,
// 0 if it knows none; or nil where the two are the same.
func (v *view) numbers() []uint32 {
	pending := v.f.events[v.at-v.f.first:]
	if !slices.ContainsFunc(pending, func(e event) bool { return e.kind == left }) {
		return nil // the client knows the first v.exists of them
	}
	numbers := make([]uint32, v.exists)
	for i := range numbers {
		numbers[i] = uint32(i + 1)
	}
	for _, e := range pending {
		switch e.kind {
		case came:
			numbers = append(numbers, make([]uint32, int(e.seq)-len(numbers))...)
		case left:
			numbers = slices.Delete(numbers, int(e.seq)-1, int(e.seq-1+e.n))
		}
	}
	return numbers
}

// A span is a set of numbers without "*", asked in ascending order.
type span struct {
	byUID  bool
	ranges [][2]uint32
}

// span resolves a set: "*" is the greatest number the client knows.
func (v *view) span(set imap.NumSet, saved []mailbox.UID, numbers []uint32) span {
	s := span{}
	switch set := set.(type) {
	case imap.SeqSet:
		for _, r := range set {
			s.add(r.Start, r.Stop, v.exists)
		}
	case imap.UIDSet:
		s.byUID = true
		if imap.IsSearchRes(set) {
			for _, u := range saved {
				s.ranges = append(s.ranges, [2]uint32{uint32(u), uint32(u)})
			}
			return s
		}
		top := v.topUID(numbers)
		for _, r := range set {
			s.add(uint32(r.Start), uint32(r.Stop), top)
		}
	}
	sort.Slice(s.ranges, func(i, j int) bool { return s.ranges[i][0] < s.ranges[j][0] })
	return s
}

// topUID is the UID of the last message the client knows that is still there.
func (v *view) topUID(numbers []uint32) uint32 {
	for i := len(v.f.messages) - 1; i >= 0; i-- {
		if numbers == nil && i < int(v.exists) || numbers != nil && numbers[i] != 0 {
			return uint32(v.f.messages[i].uid)
		}
	}
	return 0
}

func (s *span) add(from, to, top uint32) {
	if from == 0 {
		from = top
	}
	if to == 0 {
		to = top
	}
	if from > to {
		from, to = to, from // "5:*" where 5 is beyond the last (RFC 9051 §9, seq-range)
	}
	if to > 0 {
		s.ranges = append(s.ranges, [2]uint32{from, to})
	}
}

// has reports whether n is in s; n must not be less than in the call before.
func (s *span) has(n uint32) bool {
	for len(s.ranges) > 0 && s.ranges[0][1] < n {
		s.ranges = s.ranges[1:]
	}
	return len(s.ranges) > 0 && s.ranges[0][0] <= n
}

func uidsOf(ts []target) []mailbox.UID {
	uids := make([]mailbox.UID, len(ts))
	for i, t := range ts {
		uids[i] = t.uid
	}
	return uids
}
