# The commands of a developer. Everything is installed in .venv, tests/sdk/node_modules,
# tests/sdk/.python_sdk, examples/javascript/node_modules, kits/javascript/node_modules,
# examples/java/target and kits/java/target; `make clean` removes it. ARGS is passed on:
# make dev ARGS='--port 0 --ephemeral'

.PHONY: dev fast test-python check test test-long fuzz docs bench screenshots constraints audit dist pyz sbom image clean
.DEFAULT_GOAL := dev

# `make test-python PYTHON=python3.13` runs on that interpreter, in an environment of its own.
VENV := .venv$(if $(PYTHON),-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
INPUTS := pyproject.toml $(wildcard constraints/*.txt)
INSTALL := -m pip install --quiet

# What `make constraints`, `make audit` and a release use: docs/releasing.md.
TOOLS := .venv-release

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

# Keep compiled modules between runs.
unexport PYTHONDONTWRITEBYTECODE

# MkDocs warns of a version 2 that does not exist yet.
BUILD_SITE := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Where `make test` can install what is missing, a test must not be skipped.
ROOT_ON_DEBIAN := $(shell [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo 1)

dev: $(VENV)/.installed
	@exec $(BIN)/skylogin dev $(ARGS)

# The tests that need only Python; `make fast` leaves out the heavy ones.
ONLY_PYTHON := $(BIN)/pytest -p no:schemathesis --ignore tests/admin/test_schemathesis.py --hypothesis-profile=fast -n auto --maxprocesses 4 --dist worksteal -q

fast: $(VENV)/.installed-test
	@$(ONLY_PYTHON) -m 'not slow and not long and not heavy' $(ARGS)

test-python: $(VENV)/.installed-test
	@$(ONLY_PYTHON) -m 'not slow and not long' $(ARGS)

check: $(VENV)/.installed-test $(VENV)/.installed-docs
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy --strict
	@$(BUILD_SITE) --quiet

# The pages of docs/ as a site, in site/.
docs: $(VENV)/.installed-docs
	@$(BUILD_SITE)

test: $(VENV)/.installed-test
	@$(BIN)/python -m tests.needs
	@TEST_ALL='$(ROOT_ON_DEBIAN)' $(BIN)/pytest -m 'not long' -n 2 --dist loadgroup $(ARGS)

# Repeats at length what `make test` does a few times (kills, generated requests, scenarios), and
# installs and runs skylogin in each way.
test-long: $(VENV)/.installed-fuzz
	@$(BIN)/python -m tests.needs
	@TEST_ALL='$(ROOT_ON_DEBIAN)' $(BIN)/pytest -m long -n 2 --dist loadgroup $(ARGS)

# Gives bytes to what reads input from outside, guided by coverage, and keeps what it finds in
# build/fuzz. `make fuzz TARGET=token SECONDS=60`; the targets are in tests/fuzz/targets.py.
fuzz: $(VENV)/.installed-fuzz
	@$(BIN)/python -m tests.fuzz $(or $(TARGET),all) --seconds $(or $(SECONDS),60)

bench: $(VENV)/.installed-test
	@$(BIN)/python -m tests.needs
	@$(BIN)/python bench/bench.py $(if $(BASE),--revision $(BASE)) $(ARGS)

# The picture of the portal in the README.
screenshots: $(VENV)/.installed-test
	@$(BIN)/python -m tests.needs
	@rm -rf docs/screenshots && mkdir -p docs/screenshots
	@$(BIN)/python -m tests.portal.pictures docs/screenshots $(ARGS)

# The versions of all packages, and the hashes of their files: pins what is new in
# pyproject.toml or package.json. `make constraints ARGS=--upgrade` takes the newest versions.
COMPILE := $(TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 --no-header
HASHED := $(COMPILE) --generate-hashes --annotation-style line --constraints constraints.txt
GROUPS := build test fuzz docs release
constraints: $(TOOLS)/.installed
	@$(COMPILE) --no-annotate pyproject.toml $(GROUPS:%=--group %) -o constraints.txt $(ARGS)
	@$(HASHED) pyproject.toml -o constraints/server.txt
	@for group in $(GROUPS); do $(HASHED) --group $$group -o constraints/$$group.txt || exit; done
	@$(COMPILE) --no-deps --generate-hashes tests/sdk/python_sdk.in -o tests/sdk/python_sdk.txt
	@for lock in $$(git ls-files '*package-lock.json'); do \
	    npm --prefix $$(dirname $$lock) install --package-lock-only --loglevel=error || exit; \
	done

# Builds the image and runs it, without a registry of images: ARGS=/tmp/image
image:
	@release/try_image.sh $(ARGS)

# Looks for known vulnerabilities of these packages where a database of them can be reached.
audit: $(TOOLS)/.installed
	@$(TOOLS)/bin/python release/audit.py $(ARGS)

# The sdist and the wheel, in dist/. RELEASE_REPOSITORY_URL says where the project lives.
dist: $(VENV)/.installed
	@rm -f dist/*.whl dist/*.tar.gz && $(BIN)/python -m hatchling build

# One file with everything but Python, in dist/, for this version of it and this kind of machine.
pyz: dist $(TOOLS)/.installed
	@$(TOOLS)/bin/python release/pyz.py dist/*.whl

# What an installation of the wheel consists of, in the form of CycloneDX.
SBOM_PIP := $(TOOLS)/bin/python -m pip --python build/sbom install --quiet
sbom: dist $(TOOLS)/.installed
	@rm -rf build/sbom && $(BIN)/python -m venv --without-pip build/sbom
	@$(SBOM_PIP) --require-hashes -r constraints/server.txt
	@$(SBOM_PIP) --no-index --no-deps dist/*.whl
	@$(TOOLS)/bin/cyclonedx-py environment build/sbom --pyproject pyproject.toml \
	    --output-reproducible -o dist/skylogin.cdx.json

clean:
	rm -rf .venv .venv-* tests/sdk/node_modules tests/sdk/.python_sdk dist build site
	rm -rf examples/javascript/node_modules kits/javascript/node_modules
	rm -rf examples/java/target kits/java/target
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps keep `make dev` and `make test` from waiting for what they do not need. Every
# file that is installed must have one of the hashes in constraints/.
$(VENV)/.installed: $(VENV)/.made $(INPUTS)
	@echo 'Installing skylogin into $(VENV)'
	@$(BIN)/python $(INSTALL) --require-hashes -r constraints/server.txt -r constraints/build.txt
	@$(BIN)/python $(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@echo 'Installing what the tests need into $(VENV)'
	@$(BIN)/python $(INSTALL) --require-hashes -r constraints/test.txt
	@touch $@

# atheris has wheels for some versions of Python on Linux.
$(VENV)/.installed-fuzz: $(VENV)/.installed-test
	@echo 'Installing atheris into $(VENV)'
	@$(BIN)/python $(INSTALL) --require-hashes --only-binary :all: -r constraints/fuzz.txt \
	    || echo 'There is no atheris for this Python: its tests are skipped.'
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	@echo 'Installing what builds the documentation into $(VENV)'
	@$(BIN)/python $(INSTALL) --require-hashes -r constraints/docs.txt
	@touch $@

$(TOOLS)/.installed: $(VENV)/.made constraints/release.txt
	@echo 'Installing what a release needs into $(TOOLS)'
	@rm -rf $(TOOLS) && $(BIN)/python -m venv $(TOOLS)
	@$(TOOLS)/bin/python $(INSTALL) --require-hashes -r constraints/release.txt
	@cp constraints/release.txt $@

# A command that is found may still not run (a version manager's stub), so each one
# is tried. Without ensurepip an environment has no pip, so a Python that has it is
# preferred to a newer one that does not.
$(VENV)/.made:
	@old=; bare=; \
	for python in $(or $(PYTHON),python3.13 python3.12 python3.11 python3.14 python3); do \
	    version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) \
	        || continue; \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	        || { old="$$python is Python $$version"; continue; }; \
	    $$python -c 'import ensurepip, venv' 2>/dev/null \
	        || { bare="$$python"; continue; }; \
	    echo "Making $(VENV) with $$python (Python $$version)"; \
	    rm -rf $(VENV) && $$python -m venv $(VENV) && touch $@; \
	    exit; \
	done; \
	if [ -n "$$bare" ]; then \
	    echo "$$bare cannot make a virtual environment: it has no ensurepip." >&2; \
	    echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; \
	elif [ -n "$$old" ]; then \
	    echo "skylogin needs Python 3.11 or later; $$old." >&2; \
	else \
	    echo "skylogin needs Python 3.11 or later; no python3 was found." >&2; \
	fi; \
	exit 1
