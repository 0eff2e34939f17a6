package web

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Words: the catalogues, and how people are told dates, times and sizes.

// The languages.
const (
	french  = "fr"
	english = "en"
)

// catalogues are the words of each language, by key: a file for each area.
var catalogues = map[string]map[string]string{french: catalogue(french), english: catalogue(english)}

func catalogue(lang string) map[string]string {
	words := map[string]string{}
	for _, name := range must(fs.Glob(files, "words/"+lang+"/*.json")) {
		if err := json.Unmarshal(must(files.ReadFile(name)), &words); err != nil {
			panic("web: " + name + ": " + err.Error())
		}
	}
	if lang == french {
		for key, text := range words {
			words[key] = frenchSpaces.Replace(text)
		}
	}
	return words
}

// frenchSpaces keeps a sign with the word that it belongs to: no line begins with
// a question mark.
var frenchSpaces = strings.NewReplacer(" :", "\u00a0:", " ;", "\u00a0;", " ?", "\u00a0?", " !", "\u00a0!", " »", "\u00a0»", "« ", "«\u00a0")

// word returns the words of a key, with what belongs into them.
func word(lang, key string, args ...any) string {
	text, ok := catalogues[lang][key]
	if !ok {
		return "⟨" + key + "⟩"
	}
	if len(args) > 0 {
		return fmt.Sprintf(text, args...)
	}
	return text
}

func (c *call) words(key string, args ...any) string { return word(c.lang, key, args...) }

// spaced writes a matricule as people read it: in groups, the key apart. The
// spaces do not break.
func spaced(s string) string {
	if len(s) != 15 {
		return s
	}
	return strings.Join([]string{s[:1], s[1:3], s[3:5], s[5:7], s[7:10], s[10:13], s[13:]}, " ")
}

// day writes a date as people do.
func day(lang string, at time.Time) string {
	return word(lang, "date.day", at.Day(), word(lang, fmt.Sprintf("month.%d", at.Month())), at.Year())
}

// moment writes a time as people do.
func moment(lang string, at time.Time) string {
	return word(lang, "date.at", day(lang, at), at.Format("15:04"))
}

// shortDay writes a date as a list does: the hour today, the day this year.
func shortDay(lang string, at, now time.Time) string {
	month := word(lang, fmt.Sprintf("mail.month.%d", at.Month()))
	switch {
	case at.Year() == now.Year() && at.YearDay() == now.YearDay():
		return at.Format("15:04")
	case at.Year() == now.Year() || now.Sub(at) < 180*24*time.Hour && now.After(at):
		return fmt.Sprintf("%d %s", at.Day(), month)
	}
	return fmt.Sprintf("%d %s %d", at.Day(), month, at.Year())
}

// capital begins a text with a capital.
func capital(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + s[n:]
}

// born writes a date of birth, of which parts may be unknown.
func born(lang, s string) string {
	if at, err := time.Parse("20060102", s); err == nil {
		return day(lang, at)
	}
	return s[:min(4, len(s))]
}

// month writes the month of a date, with a capital as it heads a list.
func (c *call) month(at time.Time) string {
	at = at.In(c.s.cfg.Zone)
	return capital(c.words(fmt.Sprintf("month.%d", at.Month()))) + " " + strconv.Itoa(at.Year())
}

// lasting says a length of time in its largest units, as people do.
func (c *call) lasting(d time.Duration) string {
	const day, year = 24 * time.Hour, 365 * 24 * time.Hour
	minutes := int((d + time.Minute - 1) / time.Minute)
	switch {
	case d >= year && d < 2*year:
		return c.words("lasting.year")
	case d >= year:
		return c.words("lasting.years", int(d/year))
	case d >= 2*day:
		return c.words("lasting.days", int(d/day))
	case minutes >= 60 && minutes%60 == 0:
		return c.words("lasting.hours", minutes/60)
	case minutes >= 60:
		return c.words("lasting.hours-minutes", minutes/60, minutes%60)
	}
	return c.words("lasting.minutes", max(minutes, 1))
}

// size writes a number of bytes as people do.
func (c *call) size(n int64) string {
	switch {
	case n < 1000:
		return c.words("size.bytes", n)
	case n < 1_000_000:
		return c.words("size.kilo", (n+500)/1000)
	}
	s := strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/1e6), ".0")
	if c.lang == french {
		s = strings.Replace(s, ".", ",", 1)
	}
	return c.words("size.mega", s)
}
