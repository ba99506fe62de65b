# `make lab` opens the course; `make test` checks all of it. Each one sets everything up first.
# Needs Python 3.11-3.13 and a package index. PyPI's torch brings CUDA along; for a small download:
#   make lab TORCH_INDEX=https://download.pytorch.org/whl/cpu

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$p && break; done)
TORCH_INDEX ?=
BIN := .venv/bin
READY := .venv/.ready
NBGRADER := .venv-nbgrader/.ready
SAE_PEERS := .venv-sae/.ready
CIRCUIT_PEERS := .venv-circuits/.ready
COLAB := .venv-colab/.ready
BOOK := .venv-book/.ready
SITE := import sysconfig; print(sysconfig.get_path("purelib"))
MODELS := attn-1l attn-2l town lenses saes shapes-a shapes-b

# Colab has Python 3.13 and torch 2.11; what is not to be had where this runs is set here.
COLAB_PYTHON ?= $(PYTHON)
COLAB_TORCH ?= $(shell sed -n 's/^torch==//p' constraints.txt)

# Many small processes beat few wide ones here, and one thread keeps sums in one order.
PYTEST := OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -n 2 --dist loadscope
# The plugin imports the package before the shape-checking hook of pyproject.toml could wrap it;
# kernels are processes of their own, so nothing is lost without the hook.
NBVAL := -o addopts= -p mi_course.grading.notebooks.nbval_plugin --nbval-current-env \
	--nbval-cell-timeout=120

.NOTPARALLEL:
.PHONY: real-models help lab test test-all test-colab test-code test-notebooks test-times notebooks book figures teaching sparse-table circuits-table models bench mutation lint clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 18

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed: try PYTHON=/path/to/it"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check --quiet -c constraints.txt \
		$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -e '.[lab,test]'
	@touch $@

# nbgrader and what it alone needs lie on top of our environment, which a .pth file adds.
$(NBGRADER): $(READY) constraints-nbgrader.txt
	$(BIN)/python -m venv .venv-nbgrader
	echo "import site; site.addsitedir('$$($(BIN)/python -c '$(SITE)')')" \
		> "$$(.venv-nbgrader/bin/python -c '$(SITE)')/course.pth"
	.venv-nbgrader/bin/pip install --disable-pip-version-check --quiet \
		-c constraints.txt -c constraints-nbgrader.txt nbgrader
	@touch $@

# The same for the peers of our sparse autoencoders; only what is listed, without what that asks for.
$(SAE_PEERS): $(READY) constraints-sae.txt
	$(BIN)/python -m venv .venv-sae
	echo "import site; site.addsitedir('$$($(BIN)/python -c '$(SITE)')')" \
		> "$$(.venv-sae/bin/python -c '$(SITE)')/course.pth"
	.venv-sae/bin/pip install --disable-pip-version-check --quiet --no-deps -r constraints-sae.txt
	@touch $@

# And for auto-circuit, the peer of our circuits.
$(CIRCUIT_PEERS): $(READY) constraints-circuits.txt
	$(BIN)/python -m venv .venv-circuits
	echo "import site; site.addsitedir('$$($(BIN)/python -c '$(SITE)')')" \
		> "$$(.venv-circuits/bin/python -c '$(SITE)')/course.pth"
	.venv-circuits/bin/pip install --disable-pip-version-check --quiet --no-deps -r constraints-circuits.txt
	@touch $@

# Sphinx and MyST, which make the book; the command that uses them lies there too.
$(BOOK): $(READY)
	$(BIN)/python -m venv .venv-book
	echo "import site; site.addsitedir('$$($(BIN)/python -c '$(SITE)')')" \
		> "$$(.venv-book/bin/python -c '$(SITE)')/course.pth"
	.venv-book/bin/pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[book]'
	@touch $@

# An environment of its own, because Colab's versions are other ones throughout.
$(COLAB): pyproject.toml constraints-colab.txt constraints.txt
	$(COLAB_PYTHON) -m venv .venv-colab
	.venv-colab/bin/pip install --disable-pip-version-check --quiet -c constraints-colab.txt \
		$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch==$(COLAB_TORCH) -e . \
		hatchling nbclient nbval pytest pytest-xdist
	@touch $@

lab: $(READY) ## open the student notebooks in JupyterLab
	$(BIN)/mi-course lab

test: lint test-notebooks test-code ## everything CI runs; says at the end what was skipped and why

test-all: PYTEST_ARGS := -m ""
test-all: $(NBGRADER) test test-colab ## the same with the slow tests, the real nbgrader and Colab's versions

test-code: $(READY) $(BOOK)
	$(PYTEST) -m "not slow" --junitxml=.make/code.xml $(PYTEST_ARGS)

test-notebooks: $(READY)
	$(PYTEST) $(NBVAL) --junitxml=.make/solutions.xml --nbval solutions
	$(PYTEST) $(NBVAL) --junitxml=.make/chapters.xml --nbval-lax chapters

test-times: $(READY) ## docs/test_times.md: where the time of the last `make test` went
	$(BIN)/python -m docs.test_times $(wildcard .make/code.xml .make/solutions.xml .make/chapters.xml)

test-colab: $(COLAB) ## every notebook and figure, and the cell that installs the course, with Colab's versions
	$(PYTEST:$(BIN)/%=.venv-colab/bin/%) $(NBVAL) --nbval solutions
	$(PYTEST:$(BIN)/%=.venv-colab/bin/%) $(NBVAL) --nbval-lax chapters
	$(PYTEST:$(BIN)/%=.venv-colab/bin/%) -o addopts= --import-mode=importlib -m "not needs_browser" tests/plots tests/widgets tests/test_wheel.py

lint: $(READY) ## rules and format (ruff), spelling (codespell), code that nothing uses (vulture)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/vulture

notebooks: $(READY) ## solutions/*.py -> executed solutions and student chapters
	$(BIN)/mi-course build

book: $(BOOK) ## build/book: the solutions as a site that opens from disk
	.venv-book/bin/mi-course book

figures: $(READY) ## the pictures of the README
	$(BIN)/python -m docs.figures
	$(BIN)/python -m docs.teaching.slides

teaching: $(READY) ## docs/teaching/*.md: lesson plans, rubrics with graded answers, syllabi
	$(BIN)/python -m docs.teaching

sparse-table: $(READY) ## docs/sparse_probing_table.md: ways to choose neurons, with proofs
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python -m docs.sparse_probing_table

circuits-table: $(READY) ## docs/circuits_table.md: ways to find a circuit, on six tasks
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python -m docs.circuits_table

real-models: $(READY) ## docs/real-models.md: chapters on checkpoints of true sizes (hours on a CPU)
	mkdir -p build
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python -m tests.notebooks.full_size \
		--models embedded gpt2 pythia-70m googlenet > build/full_size.jsonl
	$(BIN)/python -m docs.real_models build/full_size.jsonl

models: $(READY) ## retrain every embedded model from nothing (hours on a CPU)
	for name in $(MODELS); do $(BIN)/mi-course train $$name || exit 1; done

bench: $(READY) ## our speed against each peer's; those of nbgrader, SAELens and auto-circuit after `make .venv-nbgrader/.ready .venv-sae/.ready .venv-circuits/.ready`
	$(BIN)/python -m benchmarks

mutation: $(READY) ## how many planted changes of right answers each exercise rejects
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python -m benchmarks.mutation

clean: ## remove what can be made again, the environment too
	rm -rf .venv .venv-nbgrader .venv-sae .venv-circuits .venv-colab .venv-book build dist .make .pytest_cache .ruff_cache tests/browser/screenshots
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
