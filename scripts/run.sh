#!/usr/bin/env bash
# Starts the server out of this checkout and prints incidents as they appear; Ctrl-C stops it.
#
#   scripts/run.sh            on a sample log that it writes itself; its data lie in .run
#   scripts/run.sh LOG        on your own log or glob, read from its beginning and followed; its data lie in .run-own, apart for each LOG
#
# `make run` and `make run LOG=…` build first. GATEWATCH_LISTEN=HOST:PORT chooses another address than 127.0.0.1:8642.
set -euo pipefail

fail() { echo "run: $*" >&2; exit 1; }

log=${1:-}
[[ $log == /* || -z $log ]] || log=$PWD/$log
cd "$(dirname "$0")/.."
[[ -x bin/gatewatch ]] || fail "bin/gatewatch is not there: run make build first"

if [[ -z $log ]]; then
  exec bin/gatewatch serve --demo --data-dir .run
fi

case $log in
  *.gz | *.zst) fail "a compressed log does not grow. For a report over it: bin/gatewatch analyze $log" ;;
esac
compgen -G "$log" >/dev/null || fail "no file is called $log"
compgen -G "$log" | while IFS= read -r file; do
  [[ -f $file ]] || fail "$file is not a file; for all logs of a folder: make run LOG='$file/*.log'"
  [[ -r $file ]] || fail "$file cannot be read by $(id -un)"
done
data=.run-own/$(cksum <<<"$log" | cut -d' ' -f1)
mkdir -p "$data"
echo "Reading $log from its beginning, then following it; data in $data"
exec bin/gatewatch serve --print --log "$log" --data-dir "$data"
