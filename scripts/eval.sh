#!/usr/bin/env bash
# Runs the evaluations over real logs: does each format parse, are labelled attackers found, how many others are accused.
# They need the developers' corpus, GATEWATCH_CORPUS, which is no part of the project. Nothing is written but the report on
# stdout; a failed evaluation makes the exit code 1.
#
#   scripts/eval.sh [PATTERN]     PATTERN: only the tests whose name matches
set -euo pipefail
cd "$(dirname "$0")/.."

export GATEWATCH_CORPUS=${GATEWATCH_CORPUS:-$PWD/../shared/corpus}
[[ -d $GATEWATCH_CORPUS ]] || { echo "eval: no corpus at $GATEWATCH_CORPUS: set GATEWATCH_CORPUS" >&2; exit 1; }

# The tests that read the corpus, by package: those in files that speak of it.
failed=0
while IFS= read -r package; do
  names=$(grep -li corpus "$package"/*_test.go | xargs grep -hoE '^func Test[A-Za-z0-9_]+' | sed 's/^func //' | sort -u) || true # benchmarks only
  names=$(grep -E "${1:-.}" <<<"$names" || true)
  [[ -n $names ]] || continue
  echo "== $package"
  go test -count=1 -v -timeout 30m -run "^($(paste -sd'|' <<<"$names"))\$" "./$package" | grep -vE '^=== (RUN|PAUSE|CONT|NAME)' || failed=1
done < <(git grep -lE 'GATEWATCH_CORPUS' -- '*_test.go' | xargs -n1 dirname | sort -u)

# The learned detectors against a generated company, on seeds that they were not made with. The table is what
# docs/EVALUATION.md shows.
if grep -qE "${1:-.}" <<<TestEvaluation; then
  echo "== ./baseline, the generated company"
  go test -count=1 -v -timeout 60m -run '^TestEvaluation' ./baseline -args -full-evaluation -evaluation-seed "${EVALUATION_SEED:-4711}" |
    grep -E '^ +[a-z_]+\.go:[0-9]+: (\||[0-9]+ findings|.*want)|^(---|ok|FAIL)' | sed -E 's/^ +[a-z_]+\.go:[0-9]+: //' || failed=1
fi
exit "$failed"
