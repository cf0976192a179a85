package rules

import (
	"regexp/syntax"
	"unicode"
)

// lowerCase rewrites an expression that minds no case (flag i) to one that minds it and finds the same in texts in lower
// case, which takes a fraction of the time. It says false, and leaves some of it rewritten, when a part minds case.
func lowerCase(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpLiteral:
		if !lowerLiteral(re) {
			return false
		}
	case syntax.OpCharClass:
		if !foldsASCII(re.Rune) {
			return false
		}
	}
	for _, sub := range re.Sub {
		if !lowerCase(sub) {
			return false
		}
	}
	return true
}

func lowerLiteral(re *syntax.Regexp) bool {
	folds := re.Flags&syntax.FoldCase != 0
	for i, r := range re.Rune {
		if !folds && unicode.SimpleFold(r) != r {
			return false
		}
		re.Rune[i] = unicode.ToLower(r)
	}
	re.Flags &^= syntax.FoldCase
	return true
}

// foldsASCII reports whether a class (pairs of bounds) has each ASCII letter in both cases or in none.
func foldsASCII(class []rune) bool {
	has := func(r rune) bool {
		for i := 0; i+1 < len(class); i += 2 {
			if class[i] <= r && r <= class[i+1] {
				return true
			}
		}
		return false
	}
	for r := 'a'; r <= 'z'; r++ {
		if has(r) != has(unicode.ToUpper(r)) {
			return false
		}
	}
	return true
}
