# Two commands: `make demo` and `make test`. Each makes the environment it needs, in .venv, from
# requirements.lock. Wanted: Python 3.11 or 3.12 and a package index.
#
#   PYTHON=...       another interpreter
#   VENV=...         another place for the environment
#   TORCH_INDEX=...  where torch comes from, e.g. https://download.pytorch.org/whl/cpu for the small
#                    CPU build (on Linux the default index's wheel brings CUDA, several gigabytes)
#   OUT=...          where the demo writes

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV ?= .venv
TORCH_INDEX ?=
OUT ?= out/demo
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: demo test lint docs check clean

demo: $(VENV)/.installed
	$(BIN)/affectfuse demo --out $(OUT)

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n auto $(ARGS)

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The README's and the docs' code blocks, run as they stand.
docs: $(VENV)/.installed
	$(BIN)/python -m pytest -q tests/docs_blocks.py

# `pip check` names what MediaPipe 0.10.21 asks for and does not need (see requirements.lock), and
# that OpenCV is here in its headless build. Anything else is a defect of the lock.
check: $(VENV)/.installed
	@$(BIN)/python -m pip check | grep -vE \
	  '^mediapipe 0.10.21 (requires (jax|jaxlib|sounddevice|sentencepiece|opencv-contrib-python),|has requirement (numpy|protobuf))|^affectfuse .* requires opencv-contrib-python,|^No broken' \
	  && exit 1 || true

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v in ((3, 11), (3, 12)) else \
	  f"Python {v[0]}.{v[1]} found, but the lock is for 3.11 and 3.12: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==2.13.0
	$(PIP) install --no-deps -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

clean:
	rm -rf $(VENV) build dist out
