package thread

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestMessagesThatSpeakOfEachOtherAreOneGroup(t *testing.T) {
	for name, c := range map[string]struct {
		in   []Message
		want [][]int
	}{
		"nothing":                            {nil, [][]int{}},
		"one that answers nobody":            {[]Message{{ID: "a"}}, [][]int{{0}}},
		"an answer":                          {[]Message{{ID: "a"}, {ID: "b", Refs: []string{"a"}}}, [][]int{{0, 1}}},
		"an answer that came first":          {[]Message{{ID: "b", Refs: []string{"a"}}, {ID: "a"}}, [][]int{{0, 1}}},
		"two answers to one that never came": {[]Message{{ID: "b", Refs: []string{"a"}}, {ID: "c", Refs: []string{"a"}}}, [][]int{{0, 1}}},
		"a link that is missing, bridged by references": {
			[]Message{{ID: "a"}, {ID: "c", Refs: []string{"a", "b"}}, {ID: "z"}}, [][]int{{0, 1}, {2}}},
		"two who answer nobody, without a name":     {[]Message{{}, {}}, [][]int{{0}, {1}}},
		"a copy of what was sent and what returned": {[]Message{{ID: "a"}, {ID: "a"}}, [][]int{{0, 1}}},
		"a circle":                {[]Message{{ID: "a", Refs: []string{"b"}}, {ID: "b", Refs: []string{"a"}}}, [][]int{{0, 1}}},
		"one that answers itself": {[]Message{{ID: "a", Refs: []string{"a", "a"}}}, [][]int{{0}}},
		"two exchanges that a third joins": {
			[]Message{{ID: "a"}, {ID: "b"}, {ID: "x"}, {ID: "c", Refs: []string{"b", "a"}}}, [][]int{{0, 1, 3}, {2}}},
	} {
		if diff := cmp.Diff(c.want, Group(c.in)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// TestGroupsAreWhatLinksSay compares with the plainest way to say it: follow
// every name until nothing is added.
func TestGroupsAreWhatLinksSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := make([]Message, rapid.IntRange(0, 30).Draw(t, "n"))
		id := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint(rapid.IntRange(0, 20).Draw(t, "id")) })
		for i := range list {
			list[i].ID = rapid.OneOf(id, rapid.Just("")).Draw(t, "own")
			list[i].Refs = rapid.SliceOfN(id, 0, 3).Draw(t, "refs")
		}
		var seen []int
		for _, g := range Group(list) {
			seen = append(seen, g...)
			if want := reach(list, g[0]); !slices.Equal(g, want) {
				t.Fatalf("group %v, want %v", g, want)
			}
		}
		if slices.Sort(seen); len(seen) != len(list) || len(slices.Compact(seen)) != len(list) {
			t.Fatalf("%v are in groups, of %d", seen, len(list))
		}
	})
}

func reach(list []Message, from int) (all []int) {
	names := map[string]bool{}
	in := map[int]bool{}
	take := func(i int) {
		in[i] = true
		for _, n := range append(slices.Clone(list[i].Refs), list[i].ID) {
			names[n] = n != ""
		}
	}
	take(from)
	for grown := true; grown; {
		grown = false
		for i, m := range list {
			if !in[i] && slices.ContainsFunc(append(slices.Clone(m.Refs), m.ID), func(n string) bool { return names[n] }) {
				take(i)
				grown = true
			}
		}
	}
	for i := range list {
		if in[i] {
			all = append(all, i)
		}
	}
	return all
}

func BenchmarkGroup(b *testing.B) {
	list := make([]Message, 10_000)
	for i := range list {
		list[i].ID = fmt.Sprintf("%d@hub.test", i)
		if i%4 != 0 {
			list[i].Refs = []string{fmt.Sprintf("%d@hub.test", i-1), fmt.Sprintf("%d@hub.test", i&^3)}
		}
	}
	for b.Loop() {
		Group(list)
	}
}
