# make demo: from nothing to a picture.   make test: the tests.   Everything installs itself into .venv first.

PYTHON ?= python3
CONSTRAINTS ?= constraints.txt
BIN := .venv/bin
INSTALLED := .venv/.installed
PLUGINS := $(wildcard plugins/*)

.PHONY: demo test lint format docs bench results growing faults mutants dist clean

demo: $(INSTALLED)
	@$(BIN)/gan demo

test: $(INSTALLED)
	$(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/plain_english.py

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
	$(BIN)/python benchmarks/frechet.py
	$(BIN)/python benchmarks/footprint.py
	$(BIN)/python benchmarks/panel.py
	$(BIN)/python benchmarks/crowded.py

# Trains every bundled recipe with three seeds, measures what it reaches, and writes docs/results.md. Hours; what is done
# is kept in docs/results.jsonl and not done again, so it may be stopped at any time. SHARED: see benchmarks/quality.py.
SHARED ?= ../shared/data
JOBS ?= 2
results: $(INSTALLED)
	$(BIN)/python benchmarks/quality.py --shared $(SHARED) --jobs $(JOBS)
	$(BIN)/python benchmarks/results.py
	$(BIN)/python docs/generate.py

# Whether a growing network learns at every level, on CIFAR-10.
growing: $(INSTALLED)
	$(BIN)/python benchmarks/growing.py --shared $(SHARED)

# The long tier of the fault tests: hundreds of kills, signals and full disks, thousands of damaged runs. An hour; the
# figures go to docs/promises.json and, with `make docs`, to docs/promises.md. ARGS: arguments of pytest, such as -k r7.
ARGS ?=
faults: $(INSTALLED)
	$(BIN)/python tests/faults/long_run.py $(ARGS)

# Removes one protection at a time and prints which tests fail without it.
mutants: $(INSTALLED)
	$(BIN)/python tests/mutants/run.py

# Every wheel and sdist, into dist/; a wheel is built from its sdist, so both are complete.
dist: $(INSTALLED)
	rm -rf dist
	for project in . $(PLUGINS); do $(BIN)/python -m build --no-isolation --outdir dist $$project || exit 1; done
	$(BIN)/python -m twine check --strict dist/*

clean:
	rm -rf .venv dist

$(INSTALLED): pyproject.toml $(wildcard plugins/*/pyproject.toml) $(CONSTRAINTS)
	@echo "installing into .venv: PyTorch is several GB, this takes a few minutes the first time"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -c "import pip" 2>/dev/null || $(BIN)/python -m ensurepip >/dev/null # uv creates .venv without pip
	@$(BIN)/python -m pip install -q --disable-pip-version-check $(if $(CONSTRAINTS),-c $(CONSTRAINTS)) \
		-e ".[dev]" $(addprefix -e ,$(PLUGINS))
	@touch $@
