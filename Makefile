PYTHON ?= .venv/bin/python

.PHONY: check format test

# What every commit passes: formatting, lint, types, and the tests that start no Ray and run no process.
check:
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m pyright
	$(PYTHON) -m pytest -q -n 2 --dist loadfile -m "not slow"

format:
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

test:
	scripts/test
