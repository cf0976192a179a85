#!/usr/bin/env bash
# Runs the benchmarks of the figures that Gatewatch promises and writes docs/BENCHMARKS.md.
# Quote ratios and CPU seconds: wall time depends on what else the machine does.
#
# GATEWATCH_BENCH_MONTH names a directory for the month of 100 million events that a recomputation is promised for: it takes
# 4 GB and half an hour to make, and is kept for the next run. Without it the last run's figures stay in the page.
set -euo pipefail
cd "$(dirname "$0")/.."

out=docs/BENCHMARKS.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CGO_ENABLED=0

go run ./trafficgen/shoplog -lines 1000000 >"$work/shop.log"

bench() { # bench PACKAGE PATTERN [more arguments of go test]
  local pkg=$1 pattern=$2
  shift 2
  echo
  echo "    go test $pkg -run xxx -bench '$pattern' $*"
  echo
  go test "$pkg" -run xxx -bench "$pattern" "$@" 2>&1 | grep -E '^(Benchmark|cpu:|--- FAIL|panic|FAIL)' | sed 's/^/    /'
}

formats() { # the benchmark of the parsers as a table, and the slowest of each kind
  go test ./parsers -run xxx -bench '^BenchmarkParse$' -benchtime 300ms >"$work/formats"
  echo "| format | kind | lines per CPU-second | allocations a line |"
  echo "|---|---|---|---|"
  awk '/^BenchmarkParse/ {
    split($1, name, "/"); sub(/-[0-9]+$/, "", name[3])
    for (i = 2; i < NF; i++) { if ($(i+1) == "lines/cpu-s") rate = $i; if ($(i+1) == "allocs/line") allocs = $i }
    printf "| %s | %s | %d | %.1f |\n", name[3], name[2], rate, allocs
    if (!(name[2] in least) || rate < least[name[2]]) { least[name[2]] = rate; slow[name[2]] = name[3] }
    if (allocs > most[name[2]]) { most[name[2]] = allocs; heavy[name[2]] = name[3] }
  }
  END {
    print ""
    for (k in least) printf "Slowest %s format: %s, %d lines per CPU-second. Most allocations of %s: %s, %.1f a line.\n", k, slow[k], least[k], k, heavy[k], most[k]
  }' "$work/formats"
}

month() { # the recomputation of the promised month, or what the page has of it
  if [ -n "${GATEWATCH_BENCH_MONTH:-}" ]; then
    mkdir -p "$GATEWATCH_BENCH_MONTH"
    echo
    echo "    GATEWATCH_BENCH_MONTH=DIR make bench"
    echo
    go test ./store -run xxx -bench '^BenchmarkRecompute$' -benchtime 1x -timeout 5h -v \
      -recompute-events 100000000 -recompute-dir "$GATEWATCH_BENCH_MONTH" 2>&1 |
      grep -E '^(Benchmark.*op|cpu:|--- FAIL|panic|FAIL)|_test.go' | sed -E 's/^ *[a-z_]+_test\.go:[0-9]+: //; s/^/    /'
  elif [ -f "$out" ]; then
    sed -n '/GATEWATCH_BENCH_MONTH=DIR make bench/,/^    BenchmarkRecompute/p' "$out" | sed '1i\\'
  fi
}

cpu() { # cpu COMMAND...: CPU seconds of the command and its children, in a file so that its output stays apart
  ( TIMEFORMAT='%U %S'; { time "$@" >/dev/null 2>"$work/stderr"; } 2>"$work/cpu" )
  awk '{ print $1 + $2 }' "$work/cpu"
}

{
  echo "# Benchmarks"
  echo
  echo "Written by \`make bench\` on $(date -u +%F), $(nproc) processors ($(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs)),"
  echo "$(go version | cut -d' ' -f3), embedded engine. Lines per CPU-second count the CPU time of all processes together."
  echo
  echo "## The promises"
  echo
  echo "| figure | promised | printed by |"
  echo "|---|---|---|"
  echo "| nginx combined into the event | 800,000 lines per CPU-second, 2 allocations a line | BenchmarkParse/text/combined |"
  echo "| \`analyze\` of 1,000,000 combined lines | 60,000 lines per CPU-second, 1 GiB resident, all processes | BenchmarkAnalyze |"
  echo "| a line in a followed log is an incident over REST | 2 s (p99) | BenchmarkLineToIncident |"
  echo "| a stored event on disk, events table | 40 bytes | BenchmarkInsertEvents |"
  echo "| recomputation over 100,000,000 events of 30 days, 5,000 routes, 200,000 users | 120 s and 4 GiB | BenchmarkRecompute; \`make bench\` alone prints a smaller month |"
  echo "| scoring of 10,000 endpoints and 50,000 active users | 5 CPU-seconds a minute | BenchmarkMinute |"
  echo "| list of incidents at 100,000 incidents, over REST | 20 ms (p99) | BenchmarkIncidentList |"
  echo "| event search over 50,000,000 events, a time range and an indexed filter | 1 s (p99) | BenchmarkSearch |"
  echo "| 200 SSE clients, some slow, some resuming | none misses or repeats an event | BenchmarkStreams |"
  echo "| \`/v1/check\` over HTTP | 20,000 requests per CPU-second of the server | BenchmarkCheckOverHTTP |"
  echo
  echo "## Parsing"
  echo
  echo "Of every format's samples (\`go test ./parsers -run xxx -bench '^BenchmarkParse$'\`). Text is promised 500,000 lines per CPU-second"
  echo "and 2 allocations a line, JSON 300,000. Those of w3c are of its #Fields lines, two of its five samples."
  echo
  formats
  echo
  echo "The same combined log of 300,000 lines, read by GoAccess and by the parsers alone, in one run; promised are 3 times."
  bench ./parsers 'AgainstGoAccess' -benchtime 3x
  echo
  echo "## The whole path over a log"
  echo
  echo "1,000,000 combined lines of the generated shop (\`go run ./trafficgen/shoplog -lines 1000000\`)."
  GATEWATCH_BENCH_LOG="$work/shop.log" bench ./app '^BenchmarkAnalyze$' -benchtime 1x -count 3
  if command -v goaccess >/dev/null; then
    g=$(cpu goaccess "$work/shop.log" --log-format=COMBINED --no-progress -o "$work/goaccess.json")
    p=$(cpu ./bin/gatewatch parse "$work/shop.log")
    echo
    echo "The same file in the same run: GoAccess ($(goaccess --version | head -1)), which counts, took $g CPU-seconds;"
    echo "\`gatewatch parse\`, which prints every event as JSON, took $p."
  fi
  echo
  echo "## From a line to an incident"
  bench ./app 'LineToIncident' -benchtime 1x
  echo
  echo "## The store"
  bench ./store 'InsertEvents|ReadEvents|Measure$' -benchtime 2x
  GATEWATCH_BENCH_EVENTS=50000000 bench ./store '^BenchmarkSearch$' -benchtime 100x
  echo
  echo "## Detection and incidents"
  bench ./baseline 'Minute' -benchtime 12x
  bench ./store '^BenchmarkRecompute$' -benchtime 1x -recompute-events 2000000
  month
  bench ./rules 'RealLog' -benchtime 200000x
  bench ./baseline 'Observe|Scorer' -benchtime 300ms
  bench ./incident 'List|Apply' -benchtime 300ms
  echo
  echo "## REST"
  echo
  echo "Lists are asked for through the whole server but its socket. p99-ms is wall time, which holds what else the machine does; cpu-p99-ms"
  echo "is CPU time of the answering thread."
  bench ./api 'IncidentList' -benchtime 500x
  echo
  echo "The client of the checks is a process of its own, so that the CPU time is the server's alone, HTTP included."
  bench ./api 'CheckOverHTTP' -benchtime 5x
  echo
  echo "200 clients follow 1,000 changes each: every tenth comes late, every fifth breaks off and resumes with Last-Event-ID. The CPU time is"
  echo "of server and clients together."
  bench ./api 'Streams' -benchtime 1x
  echo
  echo "## Enrichment"
  bench ./ingest/enrich '.' -benchtime 300ms
  bench ./ingest/route '.' -benchtime 300ms
} >"$work/report.md"
mv "$work/report.md" "$out"
chmod 644 "$out"
echo "written: $out"
