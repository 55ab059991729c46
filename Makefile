# One door for people and machines. `make help` lists what there is.

SHELL := /bin/sh
BIN := .venv/bin
STAMP := .venv/.installed
PARALLEL := -n auto --maxprocesses 4 --dist loadgroup
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --fork-strategy fewest --no-header \
	--no-emit-index-url --no-emit-find-links

# Tests start hundreds of processes: where nothing is written, each would compile all of ours anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint types imports bench chaos golden lock

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | while IFS='	' read -r name words; do printf '  %-9s %s\n' "$$name" "$$words"; done

setup: $(STAMP) ## make .venv from the lock files (PYTHON=/path/to/python chooses one)

# Another PYTHON than last time makes the environment anew.
ifneq ($(PYTHON),)
ifneq ($(PYTHON),$(shell cat $(STAMP) 2>/dev/null))
.PHONY: $(STAMP)
endif
endif

$(STAMP): pyproject.toml requirements.lock infra/bootstrap.lock infra/setup.sh
	@rm -f $@
	@PYTHON='$(PYTHON)' sh infra/setup.sh
	@echo '$(PYTHON)' > $@

demo: setup ## a simulated trading day through the whole desk (ARGS= for its options)
	$(BIN)/ita demo $(ARGS)

test: setup ## all tests, in parallel; ARGS= takes the place of the parallel run
	$(BIN)/python -m pytest $(or $(ARGS),$(PARALLEL))

check: lint types imports test ## what has to be green before a change goes in

lint: setup ## format and lint
	@status=0; $(BIN)/ruff format --check . || status=$$?; $(BIN)/ruff check . || status=$$?; exit $$status

types: setup ## mypy, strict
	$(BIN)/mypy

imports: setup ## the table of the house, as import contracts
	$(BIN)/lint-imports --no-logo

bench: setup ## every benchmark, short (ARGS= in place of --quick)
	@set -e; for script in benchmarks/*.py; do \
		[ -e "$$script" ] || { echo 'there are no benchmarks'; exit 0; }; \
		echo "== $$script"; $(BIN)/python "$$script" $(or $(ARGS),--quick); done

chaos: setup ## kill the processes of a served desk, servers too, and compare (KILLS=100 SEED=7)
	$(BIN)/python -m tests.served.chaos --kills $(or $(KILLS),10) --seed $(or $(SEED),7) $(ARGS)

golden: setup ## run the golden runs again and keep what they come to (docs/golden.md)
	$(BIN)/python -m tests.golden.golden

lock: setup ## solve the lock files again (ARGS=--upgrade for newer versions)
	$(COMPILE) --all-extras $(ARGS) pyproject.toml -o requirements.lock
	echo uv | $(COMPILE) --no-annotate $(ARGS) - -o infra/bootstrap.lock
