package web

import "strconv"

// A pager is where a page is among those of a list.
type pager struct {
	Page, Pages   int    // from 1
	Before, After int    // the pages beside it; 0: there is none
	Prev, Next    string // their addresses; "" too where a list has none, as what was found
}

// paged divides n lines into pages, of which page, from 0, is shown: the last,
// where there are not so many. address is nil where pages have none.
func paged(n, perPage, page int, address func(page int) string) pager {
	pages := max(1, (n+perPage-1)/perPage)
	p := pager{Page: min(page+1, pages), Pages: pages}
	if p.Page > 1 {
		p.Before = p.Page - 1
	}
	if p.Page < pages {
		p.After = p.Page + 1
	}
	if address != nil && p.Before > 0 {
		p.Prev = address(p.Before - 1)
	}
	if address != nil && p.After > 0 {
		p.Next = address(p.After - 1)
	}
	return p
}

// maxPage bounds what is asked for.
const maxPage = 10_000

// pageAsked reads which page somebody wants, and counts it from 0.
func pageAsked(text string) int {
	if n, err := strconv.Atoi(text); err == nil && n > 1 && n < maxPage {
		return n - 1
	}
	return 0
}
