# Every target does its own set-up: `make run` and `make test` work on a machine that has only Python 3.11 or newer.
.PHONY: install install-dev compile interpreted run test test-clients test-browser torture check fmt bench bench-console load golden clean

VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8080
STREAMS ?= 120
TEST_PROCESSES ?= 2
COMPILED_TESTS := tests/dataplane tests/faults tests/upstream tests/dialects/anthropic/test_request.py tests/dialects/test_body.py $(addprefix tests/contracts/test_,limits.py bytes.py anthropic_sdk.py openai_sdk.py)
PYTHON ?= $(shell sh tools/python)
SOURCES := $(wildcard native_fastpath/*.c native_fastpath/*.h) setup.py pyproject.toml
# Directories of the modules that setup.py compiles, and whatever those import from them.
HOT := $(shell find gateway -name "*.py" -not -path "gateway/cli/*" -not -path "gateway/simulator/*")

install: $(VENV)/installed
install-dev: $(VENV)/installed-dev

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); sh tools/debian python3-venv && $(PYTHON) -m venv $(VENV); }

$(VENV)/installed: $(BIN)/python constraints.txt $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed constraints-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints-dev.txt
	@touch $@

# Compiled, the modules of a call take half the CPU. Without a C compiler the sources run as they are.
compile: $(VENV)/compiled

# Each grade of optimization has a folder of its own, or one would be taken for the other.
COMPILE = find gateway -name '*.so' -delete; built=build/optimized-$${SLUICE_OPTIMIZE:-3}; \
	SLUICE_COMPILE=1 $(BIN)/python setup.py --quiet build_ext --inplace --build-lib $$built --build-temp $$built/objects \
		>$(VENV)/compile.log 2>&1 \
		|| { tail -5 $(VENV)/compile.log; echo "Not compiled: the sources run as they are."; find gateway -name '*.so' -delete; }; \
	find gateway -name '*.so' -exec touch {} + # the linker leaves those alone that did not change

$(VENV)/compiled: $(VENV)/installed $(HOT) setup.py
	@echo "Compiling the modules of a call; this takes about a minute, once."
	@$(COMPILE)
	@touch $@

interpreted:
	@find gateway -name '*.so' -delete
	@rm -f $(VENV)/compiled

run: install compile
	$(BIN)/gateway serve --port $(PORT) --mint

# nginx stands in front of the gateway in some tests; without it (and without the rights to install it) they are skipped.
# Everything runs on the sources; what serves a call runs once more as it is compiled.
test: install-dev interpreted
	@sh tools/debian nginx-light nginx || true
	$(BIN)/pytest -q -n $(TEST_PROCESSES) --dist loadfile
	@echo "Compiling the modules of a call, quickly: this is not how they serve."
	@export SLUICE_OPTIMIZE=0; $(COMPILE)
	$(BIN)/pytest -q -n $(TEST_PROCESSES) --dist loadfile $(COMPILED_TESTS)
	@$(MAKE) --no-print-directory interpreted

# The long forms of the tests that prove what holds under stress; prints what each has proved. TORTURE_SEED repeats a run.
torture: install-dev compile
	TORTURE=1 nice -n 10 $(BIN)/pytest -q -m torture --timeout 3600 -n $(TEST_PROCESSES) --dist loadfile

# Codex CLI and Claude Code, from npm, each for one shell command. Skipped where npm is not there.
CLIENTS := $(CURDIR)/$(VENV)/clients
test-clients: install-dev interpreted
	@mkdir -p $(CLIENTS)
	@if command -v npm >/dev/null; then npm install --prefix $(CLIENTS) --no-audit --no-fund --silent @openai/codex @anthropic-ai/claude-code @anthropic-ai/sdk; fi
	CLIENTS=$(CLIENTS) NPM_SDK=$(CLIENTS)/node_modules $(BIN)/pytest -q -rs tests/clients tests/console/test_quick_start.py

# The pages in Chromium, and axe, which looks for what keeps people out. Pictures of them land in tests/browser/shots.
AXE := $(CURDIR)/$(VENV)/axe
test-browser: install-dev interpreted
	@sh tools/debian chromium chromium || true
	@if command -v npm >/dev/null; then npm install --prefix $(AXE) --no-audit --no-fund --silent axe-core@4.14.1; fi
	BROWSER=1 AXE=$(AXE)/node_modules/axe-core/axe.min.js $(BIN)/pytest -q -rs tests/browser

check: install-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_layers.py

fmt: install-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# CONSOLE=1 measures P1, P2 and P4 while somebody has the console open and live.
bench: install-dev compile
	@sh tools/debian nginx-light nginx || true
	$(BIN)/python -m loadtest.bench $(if $(CONSOLE),--console)

# Ten million receipts take 2 GB and some minutes; RECEIPTS=200000 is a try.
RECEIPTS ?= 10000000
bench-console: install-dev compile
	$(BIN)/python -m loadtest.console --receipts $(RECEIPTS)

load: install-dev compile
	$(BIN)/python -m loadtest.load --streams $(STREAMS)

# What upstreams say is recorded first; what becomes of it in the other dialects, last.
golden: install-dev
	@for folder in anthropic openai_chat openai_responses translated errors bad_requests; do $(BIN)/python -m tests.golden.$$folder.write || exit 1; done

clean:
	find gateway -name '*.so' -delete
	rm -rf $(VENV) build *.egg-info native_fastpath/*.so gateway.compiled*
