# Every target works alone in a fresh clone: it makes .venv first if that is missing or out of date.
PYTHON ?= python3
# A CPU build of torch is 200 MB, the default one for Linux brings gigabytes of GPU packages.
# It is taken from this index if the machine has no NVIDIA GPU and the index answers.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
BIN := .venv/bin

.PHONY: help setup demo serve test test-fast check fix bench clean

help: ## what can be made
	@grep -E '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 12

setup: .venv/ready ## make .venv and install everything

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	@if ! command -v nvidia-smi >/dev/null && curl -sfI --max-time 5 $(TORCH_INDEX)/torch/ >/dev/null; then \
		$(BIN)/pip install -q -c constraints.txt --index-url $(TORCH_INDEX) torch; \
	else \
		$(BIN)/pip install -q -c constraints.txt torch; \
	fi
	$(BIN)/pip install -q -c constraints.txt -e '.[dev]'
	@touch $@

demo: .venv/ready ## index movies.json, search it, recommend from it
	$(BIN)/ingest --file movies.json
	$(BIN)/query "space ships" --limit 5
	$(BIN)/query --like "Ghostbusters" --limit 5
	@echo
	@echo 'Try next:'
	@echo '  $(BIN)/query "a man relives the same day"'
	@echo '  $(BIN)/query --like "Alien" --limit 3 --json'
	@echo '  $(BIN)/ingest --file YOUR-FILE.json --limit 1000'

serve: .venv/ready ## answer over HTTP, with a page at http://127.0.0.1:8080
	@test -e data/CURRENT || $(BIN)/ingest --file movies.json
	$(BIN)/query-server

test: .venv/ready ## the whole test suite
	$(BIN)/python -m pytest

test-fast: .venv/ready ## the tests that take no longer than a second each
	$(BIN)/python -m pytest -m 'not slow'

check: .venv/ready ## formatter, linter, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: .venv/ready ## format, and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove .venv and the catalog
	rm -rf .venv data
