# Needs: pip install -c constraints.txt -e '.[train,test]'
.PHONY: check lint types test docs ci

check: lint types test

lint:
	ruff check .

types:
	mypy

test:
	pytest

# A page for each command; a test holds them to the program.
docs:
	python docs/make.py

# All of it, in fresh virtual environments, as a stranger would.
ci:
	.ci/run
