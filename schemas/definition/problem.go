package definition

import (
	"fmt"
	"slices"
	"strings"
)

// MaxProblems bounds how many problems one Parse reports.
const MaxProblems = 100

// Problem is one thing wrong with a set of definitions.
type Problem struct {
	File    string
	Line    int    // from 1; 0: the file as a whole
	Found   string // what is there, or what is not
	Allowed string // what may be there; empty if Found says it
	Nearest string // the allowed name that looks most like what was found, or empty
}

// Error is the problem on one line: FILE:LINE: found; allowed: …; did you mean …?
func (p Problem) Error() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	b.WriteString(p.Found)
	if p.Allowed != "" {
		b.WriteString("; allowed: " + p.Allowed)
	}
	if p.Nearest != "" {
		fmt.Fprintf(&b, "; did you mean %q?", p.Nearest)
	}
	return b.String()
}

// Problems is everything found wrong, by file and line. It is never empty when
// it is an error.
type Problems []Problem

// Error is one line per problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// sorted orders problems for a reader and cuts what is beyond MaxProblems.
func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		return a.Line - b.Line
	})
	if more := len(p) - MaxProblems; more > 0 {
		p = append(p[:MaxProblems:MaxProblems], Problem{Found: fmt.Sprintf("and %d more problems", more)})
	}
	return p
}

// Nearest is the candidate that a mistyped word most likely stands for, by
// edits (case counts), else the first that begins with it, or
// nothing. Of equally near ones the first is taken.
func Nearest(word string, candidates []string) string {
	best, least := "", 1+len(word)/3
	if len(word) > 64 {
		return ""
	}
	for _, c := range candidates {
		d := distance(word, c, least)
		if d >= max(len(word), len(c)) {
			continue // they share no letter
		}
		if d < least || d == least && best == "" {
			best, least = c, d
		}
	}
	for _, c := range candidates {
		if best == "" && len(word) >= 3 && strings.HasPrefix(c, word) {
			best = c
		}
	}
	return best
}

// Hint is "; the nearest is X" where Nearest finds an X, else nothing.
func Hint(word string, candidates []string) string {
	if c := Nearest(word, candidates); c != "" {
		return "; the nearest is " + c
	}
	return ""
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment); limit+1 if the
// lengths alone say more than limit.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d > limit || -d > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
