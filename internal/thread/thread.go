// Package thread groups messages into the exchanges they belong to, by what they
// say of themselves and of each other: Message-ID, In-Reply-To, References (RFC
// 5322 §3.6.4). It looks at no subject: two people who write about "Résultats"
// have nothing to do with each other.
//
// It is pure and bounded: a message that names a thousand others costs no more
// than the names it kept, one that is answered before it came, or never comes,
// still joins its answers, and a circle is a group like any other.
package thread

// A Message is what grouping looks at.
type Message struct {
	ID   string   // Message-ID; empty: it can be answered by nobody
	Refs []string // the messages it follows, in any order
}

// Group returns the indices of the messages of each group, ascending, the groups
// in the order of their first messages. Each index is in one group.
func Group(list []Message) [][]int {
	g := grouping{parent: make([]int, len(list)), named: make(map[string]int, len(list))}
	for i := range list {
		g.parent[i] = i
	}
	for i, m := range list {
		if m.ID != "" {
			g.mention(i, m.ID)
		}
		for _, ref := range m.Refs {
			g.mention(i, ref)
		}
	}
	groups := make([][]int, 0, len(list))
	at := make(map[int]int, len(list)) // where the group of a root is
	for i := range list {
		root := g.root(i)
		k, ok := at[root]
		if !ok {
			k = len(groups)
			at[root] = k
			groups = append(groups, nil)
		}
		groups[k] = append(groups[k], i)
	}
	return groups
}

// A grouping is a forest of the messages, and who first named each identifier:
// whoever names it after joins them.
type grouping struct {
	parent []int
	named  map[string]int
}

func (g *grouping) mention(i int, id string) {
	first, ok := g.named[id]
	if !ok {
		g.named[id] = i
		return
	}
	a, b := g.root(first), g.root(i)
	g.parent[max(a, b)] = min(a, b)
}

// root returns the first message of the group of i, and shortens the way to it.
func (g *grouping) root(i int) int {
	for g.parent[i] != i {
		g.parent[i] = g.parent[g.parent[i]]
		i = g.parent[i]
	}
	return i
}
