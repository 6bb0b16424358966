# Everything runs in .venv, which the first target that needs it makes and fills from requirements/*.txt.
# Nothing is fetched again until one of those files or pyproject.toml changes.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-origins check format cover seeds soak bench bench-bodies bench-handoff bench-injection bench-profile bench-scale bench-store lock image-check clean

BIN := .venv/bin
RECIPE := .ci/venv .ci/python pyproject.toml requirements/build.txt

# What the demo needs.
RUN := .venv/.run
$(RUN): $(RECIPE) requirements/run.txt
	@.ci/venv requirements/run.txt requirements/build.txt
	@touch $@

# All of it: tests, checks, origins to test against.
DEV := .venv/.dev
$(DEV): $(RECIPE) requirements/dev.txt
	@.ci/venv requirements/dev.txt
	@touch $(RUN) $@

# Origins that npm has.
ORIGINS := build/origins/.installed
$(ORIGINS): .ci/npm tests/origins/package.json tests/origins/package-lock.json
	@.ci/npm tests/origins build/origins
	@touch $@

# What ifmatch is measured beside: nginx with Lua, Fastify, and what plays requests.
PEERS := build/bench/.installed
$(PEERS): .ci/npm .ci/peers bench/fastify/package.json bench/fastify/package-lock.json
	@.ci/peers
	@touch $@

help: ## List the targets
	@awk -F ': .*## ' '/^[a-z-]+: .*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(RUN) ## Show a lost update, and the same with ifmatch in front (ARGS="...")
	@$(BIN)/python -m proxy demo $(ARGS)

test: $(DEV) ## Run the whole suite, a few tests at a time (ARGS="-n0 tests/core -k tag")
	$(BIN)/python -m pytest --numprocesses=auto --dist=worksteal $(ARGS)

test-origins: $(DEV) $(ORIGINS) ## Run ifmatch in front of what npm installs (node and npm needed)
	$(BIN)/python -m pytest -n0 tests/origins $(ARGS)

check: $(DEV) ## Lint, format, types, import contracts: what CI runs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(DEV) ## Put the code in the house format, fix what can be fixed by itself
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

cover: $(DEV) ## Run the suite and show the lines and branches it never took
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

seeds: $(DEV) ## Play what HAL clients, a wiki and Ed-Fi need of ifmatch, and print it as tables
	$(BIN)/python -m tests.seeds

SEEDS ?= 3
WRITES ?= 5000
soak: $(DEV) ## Play the fault matrix at length and write docs/proof.md (SEEDS=3 WRITES=5000 ARGS="--rows F4")
	$(BIN)/python -m tests.faults.proof --seeds $(SEEDS) --writes $(WRITES) $(ARGS)

bench: $(DEV) $(PEERS) ## Measure ifmatch beside nginx + Lua and Fastify, and write docs/performance.md (ARGS="--short")
	$(BIN)/python -m bench.peers $(ARGS)

bench-bodies: $(DEV) ## Measure large content: rates, memory, whom it delays; write docs/performance.md (ARGS="--short")
	$(BIN)/python -m bench.bodies $(ARGS)

bench-handoff: $(DEV) ## Measure how long a lock takes from one replica to the next
	$(BIN)/python -m bench.handoff $(ARGS)

bench-injection: $(DEV) ## Measure what tags in JSON content cost
	$(BIN)/python -m bench.injection $(ARGS)

bench-profile: $(DEV) $(PEERS) ## Show where the time goes, by area, room and function (ARGS="--before DIR" or "--short")
	$(BIN)/python -m bench.profiling $(ARGS)

bench-scale: $(DEV) $(PEERS) ## Measure memory, idle connections, many resources and workers (ARGS="--short")
	$(BIN)/python -m bench.scale $(ARGS)

bench-store: $(DEV) ## Measure what the store costs
	$(BIN)/python -m bench.store $(ARGS)

lock: ## Resolve pyproject.toml into requirements/*.txt (ARGS=--upgrade for newer versions)
	.ci/lock $(ARGS)

image-check: $(DEV) ## Run the Dockerfile's steps in a clean folder, without an engine
	$(BIN)/python -m tests.image.steps

clean: ## Remove what was made: .venv, caches, build results
	rm -rf .venv build dist .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find proxy tests -name __pycache__ -prune -exec rm -rf {} +
