# Two commands matter: `make run` and `make test`. The others are their parts.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Without these two, Firebase brings the debug pages and the service mesh of gRPC: 30 MB that nothing here uses.
export GOFLAGS := -tags=grpcnotrace,disable_grpc_modules

VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME  ?= 30s
LENGTH    ?= 5m
SEED      ?=
DB        ?= month.db
PLANT     ?=
BASE      ?= HEAD~1
BENCH     ?= .
ROOMS     ?= verify hub storage
# SQLite is C turned into Go: watching its every access would take a third of the tests' time and find nothing of ours.
RACE      := -race -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc=-race=false
LINT      := go tool -modfile=.ci/tools/golangci-lint.mod golangci-lint
GITLEAKS  := go tool -modfile=.ci/tools/gitleaks.mod gitleaks
PAGE_SRC   = $(shell find web/src web/public web/*.html web/*.json web/*.ts -type f)

.PHONY: help run run-providers cluster month build pages package test test-browser test-rooms lint bench bench-growth compare chaos fuzz screenshots clean tools bin/providers

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build all and start nod on SQLite; it prints the link to open
	@exec bin/nod serve

run-providers: build bin/providers ## the same over the real provider clients, with servers on this machine that play and judge the providers
	@exec bin/providers

cluster: ## two nodes on Postgres and Redis behind haproxy, on this machine, until Ctrl-C; nothing is kept
	@TEST_POSTGRES_URL= TEST_REDIS_URL= .ci/need go node postgres redis haproxy
	$(MAKE) build
	go build -o bin/cluster ./cmd/cluster
	@exec bin/cluster

month: build ## fill DB (month.db) with a month of sign-ins that ends now, say what nod finds in it and how to open it; PLANT=step,slow plants effects
	go run ./cmd/traffic -database sqlite:$(DB) -plant '$(PLANT)'

build: tools pages ## build the one program, bin/nod
	@test -e bin/nod || echo 'nod: the first build takes a minute or two, later ones seconds'
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/nod ./cmd/nod

bin/providers:
	go build -o $@ ./cmd/providers

pages: web/dist/index.html ## build the pages that go into it

web/dist/index.html: web/node_modules/.package-lock.json $(PAGE_SRC)
	cd web && npm run build

package: web/node_modules/.package-lock.json ## build the npm package of the component and the SDK, web/package, and say how large it is
	cd web && npm run package

web/node_modules/.package-lock.json: web/package-lock.json | tools
	cd web && npm ci
	@touch $@

tools:
	@.ci/need go node

test: ## lint, unit and whole-program tests, browser tests; installs what they need, or says how
	@.ci/need go node cc postgres redis haproxy chromium
	$(MAKE) lint
	cd web && npm test
	$(MAKE) build bin/providers
	$(MAKE) --jobs=2 --output-sync=target test-browser test-rooms
	go test $(RACE) -vet=off ./... # golangci-lint has vetted them; go remembers the rooms

# A browser mostly waits: beside it there is time for the rooms that need no whole program.
test-browser:
	cd web && npm run test:browser

test-rooms:
	go test $(RACE) -vet=off -p 1 ./verify/... ./analytics/... ./client/... ./delivery/... ./deploy/...

lint: web/node_modules/.package-lock.json ## go.mod, golangci-lint, gitleaks, biome, tsc
	go mod tidy -diff
	$(LINT) run
	$(GITLEAKS) git --no-banner --no-color --redact -v --log-level warn
	cd web && npm run lint && npm run typecheck

bench: build ## every aim beside what the machine itself can do, into BENCHMARKS.md; then ticks and a second of each provider
	@TEST_POSTGRES_URL= TEST_REDIS_URL= .ci/need postgres redis
	go run ./cmd/bench -with cmd/bench/peers.json report
	go test -run '^$$' -bench '^BenchmarkTick$$' -benchmem ./hub
	go test -run '^$$' -bench '^Benchmark(Send|Post)$$' -benchmem ./delivery/fcm ./delivery/apns ./delivery/webpush ./delivery/email ./delivery/webhook ./delivery/sms/...

bench-growth: build ## sign-ins on ten million rows of history beside ten thousand, with 15,000 sockets beside 1,000, beside retention, roll-up and console; loaded once into bin/ten-million (13 GB)
	@TEST_POSTGRES_URL= .ci/need go postgres
	go run ./cmd/scale

compare: ## Go benchmarks of the hot paths, those that match BENCH in ROOMS, at the commit BASE and here, by benchstat
	@.ci/need go postgres
	@.ci/compare '$(BASE)' '$(BENCH)' $(ROOMS)

chaos: ## three nodes under random faults for LENGTH, drawn from SEED, and the loss of 5,000 connections
	@.ci/need go cc postgres redis
	go test $(RACE) -run '^$$' ./cmd/nod
	CHAOS_LENGTH=$(LENGTH) CHAOS_SEED=$(SEED) .ci/apart go test $(RACE) -v -count=1 -timeout=0 -run '^TestChaos$$' ./cmd/nod
	CHAOS_LENGTH=$(LENGTH) go test -v -count=1 -run '^TestPromiseReconnectStorm$$' ./cmd/nod

fuzz: ## every fuzz target for FUZZTIME each
	@grep -ro --include='*_test.go' --exclude-dir=node_modules '^func Fuzz[A-Za-z0-9_]*' . | \
	while IFS=: read -r file func; do \
		go test -run '^$$' -fuzz "^$${func#func }$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")"; \
	done

screenshots: build ## the pages as pictures, light and dark, wide and narrow
	@.ci/need chromium
	cd web && npm run screenshots

clean: ## remove what was built; databases stay
	rm -rf bin web/node_modules web/package
	find web/dist -mindepth 1 ! -name .keep -delete
