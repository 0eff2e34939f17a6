package web

import (
	"strconv"
	"testing"
)

func TestAListIsPaged(t *testing.T) {
	at := func(page int) string { return "?" + strconv.Itoa(page) }
	for name, one := range map[string]struct {
		n, page int
		want    pager
	}{
		"nothing is one page":        {0, 0, pager{Page: 1, Pages: 1}},
		"what fits is one page":      {10, 0, pager{Page: 1, Pages: 1}},
		"the first":                  {11, 0, pager{Page: 1, Pages: 2, After: 2, Next: "?1"}},
		"one between":                {25, 1, pager{Page: 2, Pages: 3, Before: 1, After: 3, Prev: "?0", Next: "?2"}},
		"after the last is the last": {25, 9, pager{Page: 3, Pages: 3, Before: 2, Prev: "?1"}},
	} {
		if got := paged(one.n, 10, one.page, at); got != one.want {
			t.Errorf("%s: %+v, want %+v", name, got, one.want)
		}
	}
	if got := paged(25, 10, 1, nil); got.Prev+got.Next != "" || got.Before != 1 {
		t.Errorf("what was found has an address: %+v", got)
	}
	for text, want := range map[string]int{"": 0, "1": 0, "2": 1, "-3": 0, "x": 0, "99999999": 0} {
		if got := pageAsked(text); got != want {
			t.Errorf("page %q is %d, want %d", text, got, want)
		}
	}
}
