# Every command of the project; CI calls the same ones. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
READY := $(VENV)/.ready
# Two pytest workers with one torch thread each: two workers with all threads each would fight.
WORKERS ?= 2
THREADS ?= 1
ARGS ?=

.PHONY: help setup demo test test-ray crash check format bench bench-engine bench-service soak gpu train-tiny golden docs lock clean

help:  ## list the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The first interpreter that is new enough; PYTHON=... chooses another.
define FIND_PYTHON
for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
    echo "$$candidate"; exit 0; fi; done; \
echo "ltxserve needs Python 3.11 or newer; python3 here is: $$(python3 --version 2>&1 || echo missing)." >&2; \
echo "Install one (Debian: apt install python3 python3-venv) or name it: make setup PYTHON=/path/to/python3.12" >&2; \
exit 1
endef

setup: $(READY)  ## create .venv with everything pinned (quick when it is already there)

$(READY): pyproject.toml constraints.txt
	@python="$$($(FIND_PYTHON))"; \
	[ -x $(PY) ] || "$$python" -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "Could not create $(VENV): on Debian and Ubuntu, apt install python3-venv." >&2; exit 1; }
	$(BIN)/pip install --disable-pip-version-check -c constraints.txt -e '.[engine,server,dev]'
	@touch $(READY)

demo: $(READY)  ## generate clips with the built-in model and say where they are
	@$(PY) examples/demo.py $(ARGS)

test: $(READY)  ## run every test that needs no GPU
	@OMP_NUM_THREADS=$(THREADS) MKL_NUM_THREADS=$(THREADS) \
	  $(BIN)/pytest -n $(WORKERS) --dist loadfile -m "not gpu and not crash and not ray" $(ARGS)

test-ray: $(READY)  ## the pool and the service on real Ray nodes on loopback (minutes)
	@$(PY) -c "import ray" || $(BIN)/pip install --disable-pip-version-check -c constraints.txt -e '.[ray]'
	@OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/pytest -m ray $(ARGS)

crash: $(READY)  ## storms: kill, stop and restart everything under load (minutes)
	@OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/pytest -m crash -s tests/crash $(ARGS)

check: $(READY)  ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(READY)  ## apply the formatter and the safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## measure the built-in model's clips from their pixels
	$(PY) -m benchmarks.tiny_eval $(ARGS)

bench-engine: $(READY)  ## measure a clip by the engine against diffusers and its own export
	$(PY) -m benchmarks.engine $(ARGS)

soak: $(READY)  ## 200 mixed requests on one engine: what memory they leave behind
	$(PY) -m benchmarks.engine.soak $(ARGS)

bench-service: $(READY)  ## measure what the service costs: enqueueing, starting, events, a job's overhead
	@OMP_NUM_THREADS=1 $(PY) -m benchmarks.service $(ARGS)

gpu: $(READY)  ## the tests that need a CUDA GPU; full-size models write out/full-size.json
	$(BIN)/pytest -m gpu tests/gpu tests/unit $(ARGS)

train-tiny: $(READY)  ## train the built-in model again, resumable
	$(BIN)/ltxserve train tiny $(ARGS)

golden: $(READY)  ## write the golden files anew; read the diff before committing
	$(BIN)/pytest -m "not gpu" --golden-write tests/golden $(ARGS)

docs: $(READY)  ## write docs/reference anew from the code
	$(PY) docs/generate.py

lock:  ## write constraints.txt anew from a clean environment
	@python="$$($(FIND_PYTHON))"; "$$python" -m venv --clear $(VENV)-lock
	$(VENV)-lock/bin/pip install "$$(grep -o 'torch==[0-9.]*' pyproject.toml)"
	$(VENV)-lock/bin/pip install '.[engine,server,ray,runpod,train,dev,external]'
	@{ sed -n '/^#/p' constraints.txt; \
	   $(VENV)-lock/bin/pip freeze --all --exclude pip --exclude wheel --exclude ltxserve \
	   | sed -E 's/\+[a-z0-9.]+$$//' | grep -viE '^(nvidia-|cuda-|triton|pytorch-triton)'; } > constraints.new
	@mv constraints.new constraints.txt; rm -rf $(VENV)-lock; git --no-pager diff --stat constraints.txt

clean:  ## remove the environment and the caches
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache
