package rules

import (
	"regexp/syntax"
	"slices"
	"strings"
)

// Bounds on the literals that stand for one expression.
const (
	maxRequired = 256 // in a list
	maxProduct  = 64  // in a list that parts of an expression make together
	maxLists    = 4
)

// requiredLiterals returns lists of literals of each of which one must stand in every match of the expression.
func requiredLiterals(re *syntax.Regexp) [][]string {
	if set := exactSet(re); usable(set) {
		return [][]string{set}
	}
	switch re.Op {
	case syntax.OpCapture, syntax.OpPlus:
		return requiredLiterals(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return requiredLiterals(re.Sub[0])
		}
	case syntax.OpConcat:
		return requiredOfConcat(re.Sub)
	case syntax.OpAlternate:
		// One list that has the best of each branch.
		var all []string
		for _, sub := range re.Sub {
			var best []string
			for _, lits := range requiredLiterals(sub) {
				if better(lits, best) {
					best = lits
				}
			}
			if best == nil || len(all)+len(best) > maxRequired {
				return nil
			}
			all = append(all, best...)
		}
		return [][]string{all}
	}
	return nil
}

// requiredOfConcat joins neighbours that are a few texts each: (a|b)c is ac and bc.
func requiredOfConcat(subs []*syntax.Regexp) [][]string {
	var all [][]string
	run := []string{""}
	flush := func(next []string) {
		if usable(run) {
			all = append(all, run)
		}
		run = next
	}
	for _, sub := range subs {
		repeated := sub.Op == syntax.OpPlus
		if repeated {
			sub = sub.Sub[0]
		}
		set := exactSet(sub)
		switch joined := product(run, set); {
		case joined != nil:
			run = joined
		case set != nil:
			flush(set)
		default:
			flush([]string{""})
			all = append(all, requiredLiterals(sub)...)
		}
		if repeated && set != nil {
			flush(set)
		}
	}
	flush(nil)
	return all
}

// usable reports whether one of the texts stands in every match and says something.
func usable(set []string) bool { return len(set) > 0 && !slices.Contains(set, "") }

// product joins every text of a with every one of b; nil when there are none or too many.
func product(a, b []string) []string {
	if len(b) == 0 || len(a)*len(b) > maxProduct {
		return nil
	}
	out := make([]string, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			out = append(out, x+y)
		}
	}
	return dedupe(out)
}

func dedupe(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// exactSet returns all texts that the expression matches, in lower case, if they are few and ASCII; else nil.
func exactSet(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return []string{""}
	case syntax.OpLiteral:
		if lit := strings.ToLower(string(re.Rune)); isASCII(lit) {
			return []string{lit}
		}
	case syntax.OpCharClass:
		return smallClass(re)
	case syntax.OpCapture:
		return exactSet(re.Sub[0])
	case syntax.OpQuest:
		if set := exactSet(re.Sub[0]); set != nil {
			return dedupe(append([]string{""}, set...))
		}
	case syntax.OpConcat:
		all := []string{""}
		for _, sub := range re.Sub {
			if all = product(all, exactSet(sub)); all == nil {
				return nil
			}
		}
		return all
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			set := exactSet(sub)
			if set == nil || len(all)+len(set) > maxRequired {
				return nil
			}
			all = append(all, set...)
		}
		return dedupe(all)
	}
	return nil
}

// smallClass expands a class of a few characters ([sS], ['"]).
func smallClass(re *syntax.Regexp) []string {
	var lits []string
	for i := 0; i+1 < len(re.Rune); i += 2 {
		for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
			if r >= 0x80 || len(lits) >= 8 {
				return nil
			}
			lits = append(lits, strings.ToLower(string(r)))
		}
	}
	return dedupe(lits)
}

// better reports whether literals a pick fewer events than b: their shortest is longer, or they are fewer.
func better(a, b []string) bool {
	if b == nil {
		return a != nil
	}
	la, lb := shortest(a), shortest(b)
	// Beyond a few bytes a longer literal is hardly rarer; then the shorter list wins.
	la, lb = min(la, 6), min(lb, 6)
	if la != lb {
		return la > lb
	}
	return len(a) < len(b)
}

func shortest(lits []string) int {
	n := 1 << 20
	for _, l := range lits {
		n = min(n, len(l))
	}
	return n
}
