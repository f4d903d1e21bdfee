# Everything runs in .venv, installed from the lock files. `make demo` and `make test` are all a newcomer needs.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
JOBS ?= 2

.PHONY: demo quick test components check format lint types imports bench soak lock clean

demo: .venv/installed
	$(BIN)/llama demo

# After every edit: what takes no time.
quick: .venv/installed-dev
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not slow and not component"

test: .venv/installed-dev
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not component"

# What starts servers and other programs or follows a whole guide: one at a time, each has the machine for itself.
components: .venv/installed-dev
	$(BIN)/python -m pytest -m component

check: .venv/installed-dev lint types imports test

format: .venv/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/installed-dev
	$(BIN)/mypy

imports: .venv/installed-dev
	$(BIN)/lint-imports

bench: .venv/installed-dev
	$(BIN)/python -m bench $(ALL)

# Live operation under load, on brokers of this machine; SOAK="--alerts 100 --kills 5" for a small one.
soak: .venv/installed-dev
	$(BIN)/python -m bench.soak $(SOAK)

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: requirements.lock pyproject.toml | .venv/bin/python
	$(PIP) install --quiet --require-hashes -r requirements.lock
	$(PIP) install --quiet --no-deps --editable .
	touch $@

.venv/installed-dev: requirements-dev.lock pyproject.toml | .venv/bin/python
	$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	$(PIP) install --quiet --no-deps --editable .
	touch $@ .venv/installed

# New lock files: wants uv (pip install uv). No index or file locations end up in them.
lock:
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --no-annotate --quiet -o requirements.lock
	uv pip compile pyproject.toml --group dev --constraint requirements.lock --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet -o requirements-dev.lock

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
