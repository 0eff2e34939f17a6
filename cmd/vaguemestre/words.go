package main

import (
	"fmt"
	"strings"
)

// counted says how many there are of a thing: "1 letter", "2 entries".
func counted[N ~int | ~int64 | ~uint64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	if rest, ok := strings.CutSuffix(thing, "y"); ok {
		thing = rest + "ie"
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
