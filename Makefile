PYTHON ?= .venv/bin/python
# Compiling all tests takes 5 s; what was compiled is used again, whatever else shall leave no files.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: check style types fast format test

# What every commit passes, two at a time: formatting and lint, types, and the tests that start no Ray and are no battery
# (pyproject.toml says what these are; scripts/test runs all).
check:
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target types fast style

style:
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .

# With room for what is young, Node.js looks through it less often.
types:
	NODE_OPTIONS=--max-semi-space-size=128 $(PYTHON) -m pyright

fast:
	$(PYTHON) -m pytest -q -p tests.support.side_by_side --side-by-side 2 --hypothesis-profile few \
		-m "not slow and not battery"

format:
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

test:
	scripts/test
