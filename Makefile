# make run    build, install the engine when missing, start the server on a sample log (LOG=file: on your own)
# make test   all tests with -race
# make check  formatting, vet, lint, then make test: what CI runs
# make bench  the benchmarks behind docs/BENCHMARKS.md
# make eval   the evaluations behind docs/EVALUATION.md (needs the developers' corpus, GATEWATCH_CORPUS)
# make fuzz   every fuzz target for FUZZTIME (default 10s)
# make fuzz-formats   every log format by itself for FUZZTIME, FUZZJOBS (default 2) of them side by side

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

export CGO_ENABLED ?= 0
GATEWATCH_CORPUS ?= $(abspath $(CURDIR)/../shared/corpus)
export GATEWATCH_CORPUS

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
TOOLS := $(CURDIR)/.tools
GOFUMPT_VERSION := v0.12.0
GOLANGCI_VERSION := v2.15.0
FUZZTIME ?= 10s
FUZZJOBS ?= 2
TESTFLAGS ?=

.PHONY: build run engine test check fmt lint bench eval fuzz fuzz-formats clean tools

build:
	@command -v go >/dev/null || { echo 'Go 1.26 or newer is needed: https://go.dev/dl/'; exit 1; }
	go build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/gatewatch ./cmd/gatewatch

engine: build
	./bin/gatewatch engine install

run: engine
	@env -u GATEWATCH_CORPUS ./scripts/run.sh '$(LOG)'

test: engine
	CGO_ENABLED=1 go test -race -timeout 60m $(TESTFLAGS) ./...

check: fmt lint test

$(TOOLS)/gofumpt-$(GOFUMPT_VERSION):
	GOBIN=$(TOOLS) go install mvdan.cc/gofumpt@$(GOFUMPT_VERSION)
	mv $(TOOLS)/gofumpt $@

$(TOOLS)/golangci-lint-$(GOLANGCI_VERSION):
	GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv $(TOOLS)/golangci-lint $@

tools: $(TOOLS)/gofumpt-$(GOFUMPT_VERSION) $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)

fmt: $(TOOLS)/gofumpt-$(GOFUMPT_VERSION)
	@out=$$(git ls-files '*.go' | xargs $< -l); if [ -n "$$out" ]; then echo "not formatted (gofumpt -w):"; echo "$$out"; exit 1; fi

lint: $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)
	go vet ./...
	$< run ./...

bench: engine
	./scripts/bench.sh

eval: engine
	./scripts/eval.sh

fuzz:
	./scripts/fuzz.sh $(FUZZTIME)

fuzz-formats:
	./scripts/fuzz.sh --formats $(FUZZTIME) $(FUZZJOBS)

clean:
	rm -rf bin .run .run-own .tools
