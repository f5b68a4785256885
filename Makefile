# The verbs of this repository. Each is a script in scripts/; read there what it does.

PG_CONFIG ?= pg_config

help: ## What can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10
setup: ## Install the tools and private PostgreSQL servers; leaves the machine's own PostgreSQL alone
	@scripts/setup
demo: ## Start a throwaway server with a shop in it, train, and show what comes out
	@scripts/demo
test: ## Run every test; PG=18 or MAJORS="14 18" picks the PostgreSQL versions, default 15 and 17
	@$(if $(PG),MAJORS="$(PG)") scripts/test
soak: ## Run ten times as long what the tests repeat with random moments and inputs; then valgrind
	@$(if $(PG),MAJORS="$(PG)") scripts/soak
check: ## Check format, lints, layout, documentation and dependencies
	@scripts/check
bench: ## Measure speed and quality
	@benches/run.sh
install: ## Install into your own server: make install PG_CONFIG=/path/to/pg_config
	@scripts/install $(PG_CONFIG)
clean: ## Stop the demo, remove what was built
	@scripts/demo stop
	@cargo clean

.PHONY: help setup demo test soak check bench install clean
