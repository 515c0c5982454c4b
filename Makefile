# Needs Python 3.11 or newer, make and the package registries; nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run demo test bench soak lint verify docs lock clean

run: $(VENV)/ready
	@$(BIN)/alur run

demo: $(VENV)/ready
	@$(BIN)/alur demo

test: $(VENV)/ready
	$(BIN)/python -m pytest

# The long forms: thousands of generated SOPs, and everything that can break, broken a hundred times. Takes its time.
soak: $(VENV)/ready
	$(BIN)/python -m pytest --hypothesis-profile=soak tests/engine/test_generated.py tests/engine/test_calendar_generated.py
	$(BIN)/python -m pytest --soak=1 tests/soak

# Measures a step, a due date, webhooks and supervisors' questions beside what this machine can do at best. The last two
# fill databases with half a million deliveries and ten million tasks. For a glance: make bench BENCH="--quick" SCALE="--quick".
bench: $(VENV)/ready
	@$(BIN)/python -m tests.bench $(BENCH)
	@$(BIN)/python -m tests.bench.due_dates
	@$(BIN)/python -m tests.bench.webhooks $(SCALE)
	@$(BIN)/python -m tests.bench.overdue $(SCALE)

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

verify: $(VENV)/ready
	@$(BIN)/alur verify

$(VENV)/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Alur needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
	@touch $@

# Renews what is made from the code and the SOPs; tests see to it that it is done.
docs: $(VENV)/ready
	@$(BIN)/alur schema > definitions/sop.schema.json
	@$(BIN)/alur flows > docs/flows.md
	@$(BIN)/alur settings docs/operations.md

# Renews both locks from pyproject.toml, the container's with the versions of the other; needs uv.
lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-header --quiet --output-file requirements.lock
	uv pip compile pyproject.toml --extra telemetry --constraint requirements.lock --universal --python-version 3.11 --generate-hashes --no-header --quiet --output-file requirements-run.lock

clean:
	rm -rf $(VENV) *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
