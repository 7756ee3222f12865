# Every target works alone in a fresh clone: it makes .venv first if that is missing or out of date.
PYTHON ?= python3
# A CPU build of torch is 200 MB, the default one for Linux brings gigabytes of GPU packages.
# It is taken from this index if the machine has no NVIDIA GPU and the index answers.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
BIN := .venv/bin
# For the benchmarks: a folder with a large catalogue and its judgments, where its catalog lies, a full-shape model.
DATA ?= DATA
STORE ?= build/bench-store
MODEL ?= build/full-shape
# Tests of one file stay together: they share a catalog, a service, a page. Four at most, since each loads a model.
CORES ?= -n auto --maxprocesses 4 --dist loadfile

.PHONY: help setup demo serve test test-fast check fix bench bench-embedding clean

help: ## what can be made
	@grep -E '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 18

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
	$(BIN)/ingest movies.json
	$(BIN)/query "space ships" --limit 5
	$(BIN)/query --like "Ghostbusters" --limit 5
	@echo
	@echo 'Try next:'
	@echo '  $(BIN)/query "a man relives the same day"'
	@echo '  $(BIN)/query --like "Alien" --limit 3 --json'
	@echo 'Your own films, in a catalog of their own beside the demo (data/):'
	@echo '  export PLOTSEEK_STORE_PATH=my-films'
	@echo '  $(BIN)/ingest YOUR-FILE.json --limit 1000'

serve: .venv/ready ## answer over HTTP, with a page at http://127.0.0.1:8080
	@test -e data/CURRENT || $(BIN)/ingest movies.json
	$(BIN)/query-server

test: .venv/ready ## the whole test suite
	$(BIN)/python -m pytest $(CORES)

test-fast: .venv/ready ## the tests without services, half a minute
	$(BIN)/python -m pytest $(CORES) -m 'not slow'

check: .venv/ready ## formatter, linter, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: .venv/ready ## format, and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/ready ## the tables of benchmarks/README.md, on DATA=FOLDER; an hour
	$(BIN)/python -m benchmarks.ingest $(DATA)/movies.json --store $(STORE)
	$(BIN)/python -m benchmarks.recall $(STORE) $(DATA)/judgments/known-item-short/queries.jsonl
	$(BIN)/python -m benchmarks.changes $(STORE) $(DATA)/movies.json
	$(BIN)/python -m benchmarks.search $(STORE) $(DATA)/judgments
	$(BIN)/python -m benchmarks.constraints $(STORE)
	$(BIN)/python -m benchmarks.service $(STORE)
	$(BIN)/python -m benchmarks.cold $(STORE)
	$(BIN)/python -m benchmarks.soak $(STORE)
	$(BIN)/python -m benchmarks.crowd $(STORE)
	$(BIN)/python -m benchmarks.survival
	$(BIN)/python -m benchmarks.source

bench-embedding: .venv/ready ## embedding beside its peers, on DATA=FOLDER and MODEL=FOLDER; an hour
	$(BIN)/python -m benchmarks.embedding --data $(DATA) --model $(MODEL) $(if $(FASTEMBED),--fastembed-python $(FASTEMBED))

clean: ## remove .venv and the catalog
	rm -rf .venv data
