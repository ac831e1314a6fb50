# Two commands: `make demo` shows the whole idea on real data with a real language model; `make test` proves it.
PYTHON ?= python3
BIN := .venv/bin
# The GPU extra where there is a GPU, else the CPU one. They exclude each other.
EXTRA ?= $(shell command -v nvidia-smi >/dev/null 2>&1 && echo gpu || echo cpu)

.PHONY: setup demo test check audit clean

setup: .venv/.installed-$(EXTRA)

.venv/.installed-$(EXTRA): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "== setting up .venv with the extra '$(EXTRA)' (once; 1-3 minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.13'
	@links="$${PIP_FIND_LINKS:-$$($(BIN)/python -m pip config get global.find-links 2>/dev/null || true)}"; \
	if [ -n "$$links" ]; then export UV_FIND_LINKS="$$links"; elif [ "$(EXTRA)" = cpu ]; then backend="--torch-backend cpu"; fi; \
	VIRTUAL_ENV=.venv $(BIN)/uv pip install $$backend --editable '.[$(EXTRA),dev]'
	@touch $@

demo: setup
	@sh docs/demo.sh $(BIN)

test: setup
	$(BIN)/python -m pytest -n 2

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

# Needs the advisory database of PyPI, so it is no part of `check`, which works without a network.
audit: setup
	$(BIN)/uv tool run pip-audit --path "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

clean:
	rm -rf .venv .cache
