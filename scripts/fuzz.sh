#!/usr/bin/env bash
# Runs the fuzz targets of the project.
#
#   scripts/fuzz.sh [TIME] [PATTERN]           every target, one after the other. TIME: for each, default 10s; PATTERN: only
#                                              targets whose name matches
#   scripts/fuzz.sh --formats [TIME] [JOBS] [PATTERN]
#                                              every log format by itself (FuzzFormats with GATEWATCH_FUZZ_FORMAT), JOBS of them
#                                              side by side, default 2; executions and findings of each
#
# An input that breaks a target is kept by go in that package's testdata/fuzz, as a test from then on.
set -euo pipefail
cd "$(dirname "$0")/.."

# Making an input that reaches new code as short as it can be may take a minute for each, in which nothing else is tried: it
# gets a second.

# fuzz_format runs one format of its own, and says in one line how it went. The work file holds what go printed.
fuzz_format() {
  local format=$1 time=$2 work=$3 result=ok
  (cd parsers && GATEWATCH_FUZZ_FORMAT=$format "$work/parsers.test" -test.run '^$' -test.fuzz '^FuzzFormats$' -test.fuzztime "$time" \
    -test.fuzzminimizetime 1s -test.fuzzcachedir "$work/cache/$format" -test.parallel 1) >"$work/$format.log" 2>&1 || result=FAILED
  # On a busy machine go calls it a failure when the time runs out in the middle of an execution.
  if grep -q 'context deadline exceeded' "$work/$format.log" && ! grep -q 'Failing input' "$work/$format.log"; then result=ok; fi
  printf '%-24s %12s executions  %s\n' "$format" "$(sed -nE 's/.*execs: ([0-9]+).*/\1/p' "$work/$format.log" | tail -1)" "$result"
  [[ $result == ok ]] || cat "$work/$format.log"
}
export -f fuzz_format

if [[ ${1:-} == --formats ]]; then
  time=${2:-10s} jobs=${3:-2} pattern=${4:-.}
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  go test -c -fuzz '^FuzzFormats$' -o "$work/parsers.test" ./parsers
  # The page lists every format of the table; a test of parsers holds it to that.
  sed -nE 's/^\| \[`([a-z0-9_]+)`\].*/\1/p' docs/formats.md | grep -E "$pattern" |
    xargs -P "$jobs" -I FORMAT bash -c 'fuzz_format FORMAT "$0" "$1"' "$time" "$work" | tee "$work/results"
  formats=$(grep -c ' executions  ' "$work/results")
  failed=$(grep -c ' executions  FAILED$' "$work/results" || true)
  executions=$(awk '/ executions  /{n += $2} END {print n}' "$work/results")
  echo "$formats formats for $time each, $executions executions, $failed failed"
  exit $((failed > 0))
fi

time=${1:-10s}
pattern=${2:-.}
found=0
failed=()
while IFS= read -r package; do
  targets=$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$package"/*_test.go | sed 's/^func //' | grep -E "$pattern" || true)
  for target in $targets; do
    found=$((found + 1))
    echo "== $package $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 1s "./$package" || failed+=("$package $target")
  done
done < <(git grep -lE '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u)

((found > 0)) || { echo "fuzz: no target matches $pattern" >&2; exit 1; }
echo "$found targets, ${#failed[@]} failed"
for f in "${failed[@]}"; do echo "failed: $f"; done
((${#failed[@]} == 0))
