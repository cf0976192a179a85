#!/usr/bin/env bash
# Runs every fuzz target of the project, one after the other.
#
#   scripts/fuzz.sh [TIME] [PATTERN]     TIME: for each target, default 10s; PATTERN: only targets whose name matches
#
# An input that breaks one is kept by go in that package's testdata/fuzz, as a test from then on.
set -euo pipefail
cd "$(dirname "$0")/.."

time=${1:-10s}
pattern=${2:-.}
found=0
failed=()
while IFS= read -r package; do
  targets=$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$package"/*_test.go | sed 's/^func //' | grep -E "$pattern" || true)
  for target in $targets; do
    found=$((found + 1))
    echo "== $package $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "./$package" || failed+=("$package $target")
  done
done < <(git grep -lE '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u)

((found > 0)) || { echo "fuzz: no target matches $pattern" >&2; exit 1; }
echo "$found targets, ${#failed[@]} failed"
for f in "${failed[@]}"; do echo "failed: $f"; done
((${#failed[@]} == 0))
