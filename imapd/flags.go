package imapd

import (
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"vaguemestre/internal/mailbox"
)

// The system flags, in the order of their bits.
var systemFlags = []imap.Flag{imap.FlagSeen, imap.FlagAnswered, imap.FlagFlagged, imap.FlagDeleted, imap.FlagDraft}

// Limits on the keywords of a message; see mailbox.Flags.
const (
	maxKeywords = 64
	maxKeyword  = 64
)

// flagNames returns flags as a client reads them.
func flagNames(f mailbox.Flags) []imap.Flag {
	names := make([]imap.Flag, 0, len(systemFlags)+len(f.Keywords))
	for i, name := range systemFlags {
		if f.System&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	for _, k := range f.Keywords {
		names = append(names, imap.Flag(k))
	}
	return names
}

// parseFlags reads flags as a client writes them. \Recent is passed over, for
// clients that copy what they once read (RFC 9051 §2.3.2).
func parseFlags(names []imap.Flag) (mailbox.Flags, error) {
	var f mailbox.Flags
	for _, n := range names {
		i := slices.IndexFunc(systemFlags, func(s imap.Flag) bool { return strings.EqualFold(string(s), string(n)) })
		switch {
		case i >= 0:
			f.System |= 1 << i
		case strings.EqualFold(string(n), `\Recent`):
		case strings.HasPrefix(string(n), `\`):
			return f, errBadFlag
		case len(n) > maxKeyword:
			return f, errFlags
		case !isPrintable(string(n)): // the library takes any byte that is no control
			return f, errBadFlag
		default:
			f.Keywords = append(f.Keywords, string(n))
		}
	}
	slices.Sort(f.Keywords)
	f.Keywords = slices.Compact(f.Keywords)
	if len(f.Keywords) > maxKeywords {
		return f, errFlags
	}
	return f, nil
}

// hasFlag reports whether a flag that a SEARCH names, in any case, is in f.
func hasFlag(f mailbox.Flags, name imap.Flag) bool {
	for i, s := range systemFlags {
		if strings.EqualFold(string(s), string(name)) {
			return f.System&(1<<i) != 0
		}
	}
	return slices.ContainsFunc(f.Keywords, func(k string) bool { return strings.EqualFold(k, string(name)) })
}
