#!/usr/bin/env bash
# Fetches the embedded engine's library once per machine into the user's cache and prints its path. It is
# `gatewatch engine install` before there is a binary; version and checksums stand in store/engine/pins.go alone.
set -euo pipefail
cd "$(dirname "$0")/.."
exec env CGO_ENABLED=0 go run ./cmd/gatewatch engine install "$@"
