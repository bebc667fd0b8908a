# make run    install and run the main job: retail, with the built-in scripted models
# make test   install and run the tests;  make test-thorough   with more examples, tasks and cases of each property, and with the benchmarks among them
# make real-servers   llama.cpp, vLLM for CPUs, LiteLLM's proxy and a small model into .real-servers, for python -m benchmarks.real_servers
# make test-tau2-v1 TAU2=folder   the integration tests of tau2 v1, with its source in that folder, in an environment of its own
# make lint   ruff and mypy;  make bench   the benchmarks;  make lock   pin the dependencies again
# make coverage   the test suite with the share of lines that it runs;  make test-pythons   a quick selection on every Python from 3.10 to 3.13

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps
# uv takes a quarter of the time that pip takes. Where there is none for a machine, or it cannot reach an index that only pip's settings name, pip does it.
INSTALL = $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes --no-deps -r $< || $(PIP_INSTALL) -r $<

# Tests of whole runs wait for a third of their time: three processes keep two cores busy. Whole runs come first, and the files in order.
PARALLEL = -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: run test test-thorough test-pythons test-tau2-v1 coverage lint bench real-servers lock clean

run: $(VENV)/run.stamp
	$(BIN)/python run_local.py --domains retail --log-level PROFILE

test: $(VENV)/test.stamp $(VENV)/browser.stamp
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest $(PARALLEL)

test-thorough: $(VENV)/test.stamp $(VENV)/browser.stamp
	THOROUGH=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m ""

test-pythons: $(VENV)/uv.stamp
	UV=$(BIN)/uv tests/on_every_python.sh

test-tau2-v1:
	TAU2="$(TAU2)" tests/with_tau2_v1.sh

coverage: $(VENV)/test.stamp $(VENV)/browser.stamp
	$(BIN)/python -m pytest $(PARALLEL) --cov=tau2_logging --cov-report=term:skip-covered

lint: $(VENV)/test.stamp
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: $(VENV)/test.stamp
	$(BIN)/python -m benchmarks

real-servers: $(VENV)/test.stamp
	$(BIN)/python -m benchmarks.real_servers.install

# A stamp, and not the interpreter, which is there before pip is: what was broken off is done again.
$(VENV)/venv.stamp:
	$(PYTHON) -m venv $(VENV) || { apt-get update && apt-get install -y python3-venv && $(PYTHON) -m venv $(VENV); }
	touch $@

$(VENV)/uv.stamp: requirements-install.lock | $(VENV)/venv.stamp
	$(PIP_INSTALL) --only-binary :all: -r $< || echo "no uv for this machine: pip installs, which takes longer"
	touch $@

$(VENV)/run.stamp: requirements.lock | $(VENV)/uv.stamp
	@echo "installing tau2-bench, litellm and what else requirements.txt names into $(VENV); this takes a minute or two the first time"
	@$(INSTALL)
	touch $@

$(VENV)/test.stamp: requirements-test.lock | $(VENV)/uv.stamp
	@$(INSTALL)
	touch $@

# The HTML report is tested in a real browser. Where none can be installed, those tests say so and are skipped.
$(VENV)/browser.stamp: | $(VENV)/venv.stamp
	command -v chromium chromedriver >/dev/null \
	  || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium chromium-driver; } >/dev/null \
	  || echo "no Chromium: install the Debian packages chromium and chromium-driver to test report.html"
	touch $@

lock:
	$(PYTHON) -m pip install --quiet uv
	$(PYTHON) -m uv pip compile --universal --python-version 3.10 --generate-hashes --no-annotate --no-header requirements-install.txt -o requirements-install.lock
	$(PYTHON) -m uv pip compile --universal --python-version 3.10 --generate-hashes --no-annotate --no-header requirements.txt -o requirements.lock
	$(PYTHON) -m uv pip compile --universal --python-version 3.10 --generate-hashes --no-annotate --no-header requirements-test.txt -c requirements.lock -o requirements-test.lock

clean:
	rm -rf $(VENV)
