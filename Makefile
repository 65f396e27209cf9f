# make demo: the whole main job on built-in data.   make test: the tests.   make setup: .venv alone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUN := runs/demo
# On Linux, huge pages for the large arrays of a step: a fifth of its time on a CPU (docs/training.md).
export GLIBC_TUNABLES ?= glibc.malloc.hugetlb=1

.PHONY: setup demo test lint bench soak clean screenshots bench-mining bench-loader setup-spark

setup: $(STAMP)

# The stamp is written last: an interrupted install is done again.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else "stylejax needs Python 3.11 to 3.13; this is %d.%d. Use make PYTHON=python3.12" % v)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $(STAMP)

demo: setup
	@$(BIN)/stylejax simulate --out $(RUN)/data
	@$(BIN)/stylejax mine --config configs/quickstart.py
	@$(BIN)/stylejax train --config configs/quickstart.py --restart
	@$(BIN)/stylejax export --checkpoint $(RUN)
	@$(BIN)/stylejax index --vectors $(RUN)/vectors
	@$(BIN)/stylejax evaluate --run $(RUN)
	@$(BIN)/stylejax report --run $(RUN)
	@echo
	@echo "Open $(RUN)/report.html, or search:"
	@echo "  $(BIN)/stylejax search --run $(RUN) --text 'orange fish mug' --html $(RUN)/found.html"
	@echo "By a photo of your own, in a browser:"
	@echo "  $(BIN)/stylejax serve --run $(RUN)     and open http://127.0.0.1:8000"

test: setup
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: setup
	@test -n "$$STYLEJAX_DATA" || { echo "set STYLEJAX_DATA to the folder that holds grocery/: some claims are about real photos" >&2; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	for claim in benchmarks/*.py; do $(BIN)/python $$claim || exit 1; done
	$(BIN)/python benchmarks/loader.py --soak --out runs/loader_soak.json

# A training is killed at 200 random moments and must end as if it never was (three quarters of an hour).
soak: setup
	STYLEJAX_KILLS=200 $(BIN)/python -m pytest -s tests/training/test_plug.py

# JPEG files to batches beside PyTorch's loader, and memory over 10,000 batches.
bench-loader: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python benchmarks/loader.py
	$(BIN)/python benchmarks/loader.py --soak --out runs/loader_soak.json

# Mining at scale against hand-written SQL, polars and pandas; then how clean pairs and groups are.
bench-mining: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python benchmarks/mining.py
	$(BIN)/python benchmarks/mining_quality.py
	$(BIN)/python benchmarks/groups.py

# The engine for logs that outgrow one machine; it needs Java 17 or newer beside it.
setup-spark: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[spark]'
	@$(BIN)/python -c 'from input_pipeline.mining.engines import check_java; from stylejax.cli import reported; reported(check_java)'
	@echo "ready: stylejax mine --config RECIPE --mining.engine spark"

# Walks through the page on the demo's run, in Chromium, and writes what it shows to docs/screenshots.
screenshots: setup
	@test -f $(RUN)/index/index.json || { echo "make demo first: $(RUN) has no index" >&2; exit 2; }
	$(BIN)/python tests/walk_through.py --run $(RUN)

clean:
	rm -rf $(VENV) runs
