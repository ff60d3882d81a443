# Needs: pip install -c constraints.txt -e '.[train,test]'
.PHONY: check lint types test ci

check: lint types test

lint:
	ruff check .

types:
	mypy

test:
	pytest

# All of it, in fresh virtual environments, as a stranger would.
ci:
	.ci/run
