# `make` lists the targets.
SHELL := /bin/bash
GO ?= go
FUZZTIME ?= 30s
TOOLS := $(CURDIR)/.cache/bin
export PATH := $(TOOLS):$(PATH)
# Real inputs that are not ours to ship: used where they are at hand.
export VAGUEMESTRE_SAMPLES ?= $(abspath $(wildcard ../shared/samples))

.DEFAULT_GOAL := help
.PHONY: help build demo test unit check lint vuln fuzz bench crash golden cover deps clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

build: ## one static binary in bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/vaguemestre ./cmd/vaguemestre

demo: ## a hub on loopback with invented people and a month of mail
	$(GO) run ./cmd/vaguemestre demo

test: deps check ## install what the tests need, check, and run everything with the race detector
	@set -e; services=$$(.ci/services start); eval "$$services"; trap '.ci/services stop "$$VAGUEMESTRE_TEST_SERVICES"' EXIT; \
	$(GO) test -race -shuffle=on -timeout 15m ./...

unit: ## the tests that need no service, quickly
	$(GO) test ./...

check: lint vuln ## formatting, vet, linters, known vulnerabilities, arrows
	@test -z "$$(gofmt -l .)" || { echo "gofmt differs:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) test ./internal/arrows

lint: $(TOOLS)/golangci-lint
	golangci-lint run ./...

vuln: $(TOOLS)/govulncheck
	@.ci/vuln

$(TOOLS)/golangci-lint:
	GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

$(TOOLS)/govulncheck:
	GOBIN=$(TOOLS) $(GO) install golang.org/x/vuln/cmd/govulncheck@v1.8.0

deps: ## Debian packages that the tests use (needs root)
	.ci/deps

fuzz: ## every fuzz target for FUZZTIME
	.ci/fuzz $(FUZZTIME)

bench: ## benchmarks of the packages
	$(GO) test -run '^$$' -bench . -benchmem ./...

crash: ## kill the hub 300 times under load, and look for what is missing
	VAGUEMESTRE_KILLS=300 $(GO) test -count=1 -v -timeout 60m -run TestKilled ./cmd/vaguemestre

golden: ## rewrite the golden files, then show what changed
	$(GO) test ./... -update || true
	git diff --stat

cover: ## coverage by package, worst first
	$(GO) test -cover ./... | awk '/coverage:/{print $$5, $$2}' | sort -n

clean: ## remove what was built
	rm -rf bin .cache
