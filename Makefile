# make demo: from nothing to a picture.   make test: the tests.   Everything installs itself into .venv first.

PYTHON ?= python3
CONSTRAINTS ?= constraints.txt
BIN := .venv/bin
INSTALLED := .venv/.installed
PLUGINS := $(wildcard plugins/*)

.PHONY: demo test lint format docs bench results faults dist clean

demo: $(INSTALLED)
	@$(BIN)/gan demo

test: $(INSTALLED)
	$(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(INSTALLED)
	$(BIN)/python docs/generate.py

# Speed against plain PyTorch, start-up times, and the memory of the largest networks. Ratios, interleaved; nothing here passes or fails.
bench: $(INSTALLED)
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/upscaling.py

# Trains every bundled setting and measures what it reaches: the figures in the READMEs.
results: $(INSTALLED)
	$(BIN)/python benchmarks/quality.py
	$(BIN)/python benchmarks/growing.py

# The long tier of the fault tests: hundreds of kills, flips and full disks.
faults: $(INSTALLED)
	$(BIN)/python -m pytest -m long tests/faults

dist: $(INSTALLED)
	$(BIN)/python -m pip install -q build
	$(BIN)/python -m build --outdir dist .
	for plugin in $(PLUGINS); do $(BIN)/python -m build --outdir dist $$plugin || exit 1; done

clean:
	rm -rf .venv dist

$(INSTALLED): pyproject.toml $(wildcard plugins/*/pyproject.toml) $(CONSTRAINTS)
	@echo "installing into .venv: PyTorch is several GB, this takes a few minutes the first time"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check $(if $(CONSTRAINTS),-c $(CONSTRAINTS)) \
		-e ".[dev]" $(addprefix -e ,$(PLUGINS))
	@touch $@
