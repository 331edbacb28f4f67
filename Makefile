# Each target does everything, set-up included; `make dataset` and `make test` are the main ones.

PYTHON ?= python3
# Worker processes of the main job: all cores, up to eight.
JOBS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); [ "$$n" -le 8 ] && echo "$$n" || echo 8)
OUTPUT ?= data/rows
# What the tests and the checks of the sources need.
EXTRAS := test,lint,docs,asm,cuda-ir,scale,scale-ray,publish,croissant,browser,evaluate,separation

# venv(folder, extras, options of pip): a fresh environment with this package in it.
define venv
	@command -v $(PYTHON) >/dev/null || \
		{ echo "$(PYTHON) was not found; name a Python >= 3.11 with PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(sys.version_info < (3, 11) \
		and f"$(PYTHON) is Python {v}; name a Python >= 3.11 with PYTHON=...")'
	rm -rf $(1)
	$(PYTHON) -m venv $(1)
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check $(3) \
		--editable '.$(if $(2),[$(2)])'
	touch $@
endef

.PHONY: dataset docs lint picture sweep test clean

dataset: .venv-dataset/ready
	.venv-dataset/bin/jax-ir-synth generate --count 1500 --device both --num-proc $(JOBS) \
		--output $(OUTPUT) --overwrite

# Layout, lint and types.
lint: .venv/ready
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

# The documentation as a site, in build/site; a broken link or reference is an error.
docs: .venv/ready
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --quiet --strict

# The README's picture of a row.
picture: .venv/ready
	.venv/bin/python docs/row_picture.py docs/row.svg

# xdist itself would put files of few tests last, the long ones.
PYTEST := -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: .venv/ready .venv-datasets3/ready
	.venv/bin/python $(PYTEST) -m "not slow"
	.venv-datasets3/bin/python $(PYTEST) -m "not slow" tests/interface tests/request \
		tests/generate tests/storage tests/publish/test_loading.py tests/publish/test_tables.py

# The long sweeps, which take as much time again. Ends at the first that fails.
sweep: .venv/ready
	.venv/bin/python $(PYTEST) -m slow -x

clean:
	rm -rf .venv .venv-dataset .venv-datasets3

# What generating rows needs, and no more. Most modules there are never imported, so pip compiles none.
.venv-dataset/ready: setup.cfg pyproject.toml
	$(call venv,.venv-dataset,,--no-compile)

# To work on the package, with the newest datasets.
.venv/ready: setup.cfg pyproject.toml
	$(call venv,.venv,$(EXTRAS))

# The last datasets that runs dataset scripts.
.venv-datasets3/ready: setup.cfg pyproject.toml
	$(call venv,.venv-datasets3,test$(comma)asm$(comma)datasets3$(comma)publish)

comma := ,
