# make run · make test · make demo · make chaos · make bench · make lint   (each does its own set-up)
PY := .venv/bin/python
OUT ?= build/demo
ARGS ?=
# what takes longest stands first, so that both workers end together
CHAOS := $(addprefix tests/chaos/test_,store_kill.py net_faults.py) tests/e2e/test_kill_whole.py tests/contract/test_hotplug.py tests/chaos \
  $(addprefix tests/e2e/test_,sandbox_postgres.py sandbox_fleet.py citizen_races.py) tests/contract/test_platform_document.py tests/flow/test_sequences.py

.PHONY: run test demo chaos fuzz bench lint setup setup-tests docs package check-package

setup:
	@./deploy/setup.sh

setup-tests:
	@./deploy/setup.sh tests

run: setup
	@$(PY) main.py run $(ARGS)

demo: setup
	@$(PY) main.py demo --out $(OUT) $(if $(OFFLINE),--offline) $(ARGS)

# Hundreds of processes are started: without compiled files each would compile what it imports anew.
test chaos: export PYTHONDONTWRITEBYTECODE =

test: setup-tests
	@$(PY) -m pytest -n 6 --dist loadgroup --cov --cov-report= $(ARGS)
	@$(if $(ARGS),,$(PY) -m app.commands.coverage)

chaos: setup-tests
	@JINBAN_CHAOS=1 $(PY) -m pytest -q -n 2 --dist loadgroup $(or $(ARGS),$(CHAOS))

bench: setup-tests
	@$(PY) -m benchmarks all --markdown docs/benchmarks.md $(ARGS)

lint: setup
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@$(PY) -m pytest -q tests/test_layers.py tests/test_docs.py tests/ui/test_qml_lint.py

docs: setup
	@$(PY) -m app.commands.docs

package: setup
	@.venv/bin/pyinstaller --noconfirm --log-level WARN --distpath dist --workpath build/pyinstaller kiosk.spec
	@du -sh dist/jinban

check-package: package
	@QT_QPA_PLATFORM=offscreen dist/jinban/jinban demo --out build/packed

# each target so many seconds, guided by coverage; what fails lies in build/fuzz
FUZZ_S ?= 20
fuzz: setup-tests
	@$(PY) -m tests.fuzz --seconds $(FUZZ_S) $(ARGS)
