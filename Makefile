# The one definition of every chore. `make help` lists them.
#
# `make fit` and `make test` need Python >= 3.11, a Rust toolchain, make and a C compiler, and set up
# the rest in .venv. A chosen interpreter: `make install PYTHON=/path/to/python3.12`.

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check
REQUIREMENTS := $(VENV)/.stamp-requirements
# Named for whether nasm is there: once it is, the core is built again.
CORE := $(VENV)/.stamp-core$(if $(shell command -v nasm),-nasm)
CORE_SOURCES := pyproject.toml Cargo.toml Cargo.lock \
	$(shell find rust -type f \( -path '*/src/*' -o -name Cargo.toml \) | sort)
# Configurations of the JPEG library that were built without it; cargo does not look for it anew.
NO_SIMD = $(shell grep -sL 'define WITH_SIMD' \
	target/release/build/mozjpeg-sys-*/out/include/jconfig.h)
# The binding's checks link against this interpreter, whatever else is on the machine.
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help install build fit test lint bench fuzz tiny golden docs lock clean tools

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(CORE)  ## set up .venv: locked packages and the compiled core (quick if nothing changed)

build: install  ## build the wheel into dist/
	$(BIN)/maturin build --release --locked --interpreter $(BIN)/python --out dist

fit: install  ## the main job: train and judge the embedded default; options by ARGS="--name first"
	$(BIN)/python -m cogtrain fit $(ARGS)

test: install  ## the whole suite, Rust and Python
	PROPTEST_RNG_SEED=0 cargo test --locked  # the same examples in every run
	$(BIN)/python -m pytest $(ARGS)

lint: install  ## rustfmt, clippy, ruff, pyright, stubtest on the compiled module, layer test
	@cargo fmt --version >/dev/null 2>&1 || { echo "error: expected rustfmt in the Rust \
	toolchain, got none; run 'rustup component add rustfmt'" >&2; exit 1; }
	@cargo clippy --version >/dev/null 2>&1 || { echo "error: expected clippy in the Rust \
	toolchain, got none; run 'rustup component add clippy'" >&2; exit 1; }
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy -p cogtrain-core --lib --no-default-features --features pure-rust --locked \
	  -- -D warnings  # for who has no C compiler
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/python -m mypy.stubtest cogtrain._core
	$(BIN)/python -m pytest -q tests/test_layers.py

# What takes a few minutes each. The others (`make bench BENCHES=parity`, `fuzzing`) take from ten
# to sixty.
BENCHES := rendering throughput loading loader resample codec_parity reproducible
bench: install  ## figures of the data core beside its peers, into benchmarks/results/ and docs/
	@for bench in $(BENCHES); do echo "== $$bench"; $(BIN)/python benchmarks/$$bench.py || exit 1; done
	$(BIN)/python docs/performance.py

fuzz: tools  ## damaged input for every reader, COGTRAIN_FUZZ_S seconds (30) per target
	cargo test --release --locked --lib -p cogtrain-core fuzz::fuzz -- --ignored --nocapture \
	  --test-threads=1

# One thread: sums of several may differ in their last bits from machine to machine.
tiny: install  ## train the weights of the embedded model anew, and package them (15 minutes)
	rm -rf runs/pretrain-tiny
	OMP_NUM_THREADS=1 $(BIN)/python -m cogtrain fit --config configs/pretrain-tiny.yaml \
	  --name pretrain-tiny
	$(BIN)/python -m cogtrain export runs/pretrain-tiny
	$(BIN)/python -m cogtrain.models.tiny.build --weights runs/pretrain-tiny/model

golden: install  ## draw the golden images and the pictures of docs/ anew; look at them
	$(BIN)/python tests/golden/remake.py
	@for picture in docs/*.py; do $(BIN)/python $$picture || exit 1; done

docs: install  ## the Rust documentation, warnings denied
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# Hashed for every platform. An offered CPU build of torch is the one package taken without a hash.
lock: $(VENV)/pyvenv.cfg  ## resolve requirements.lock anew from pyproject.toml
	$(INSTALL) --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-annotate --no-header --quiet --upgrade $(ARGS) -o requirements.lock

clean:  ## remove what was built: .venv, target, dist, caches (runs/ stays)
	rm -rf $(VENV) target dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
	rm -f cogtrain/_core*.so cogtrain/_core*.pyd
	find cogtrain tests benchmarks examples -type d -name __pycache__ -prune -exec rm -rf {} +

tools:
	@command -v cc >/dev/null || { echo "error: expected a C compiler named cc on the path, \
	got none; install gcc or clang" >&2; exit 1; }
	@command -v cargo >/dev/null && command -v rustc >/dev/null || { echo "error: expected cargo \
	and rustc on the path, got none; install a Rust toolchain (rustup)" >&2; exit 1; }
	@need=$$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml); \
	have=$$(rustc --version | cut -d' ' -f2); \
	printf '%s\n' "$$need" "$$have" | sort -V -C || { echo "error: expected rustc >= $$need, \
	got $$have; update the Rust toolchain" >&2; exit 1; }

# Old before new: 3.11 is what the suite runs on. A shim that cannot run is passed over.
$(VENV)/pyvenv.cfg: | tools
	@for python in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3 python; do \
	  if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	    >/dev/null 2>&1; then echo "setting up $(VENV) with $$python"; \
	    exec $$python -m venv $(VENV); fi; \
	done; echo "error: expected Python >= 3.11 with venv on the path, got none; \
	install it or name it by PYTHON=" >&2; exit 1

# An offered CPU build of torch (a local wheel, or +cpu of the locked version on a configured
# index) stands in for the locked one and the gigabytes of GPU libraries behind it.
$(REQUIREMENTS): requirements.lock $(VENV)/pyvenv.cfg
	@locked=$$(sed -n 's/^torch==\([^ ]*\).*/\1/p' requirements.lock); \
	awk '/^[a-z0-9]/ { keep = !/^(torch==|triton==|nvidia-|cuda-)/ } keep' requirements.lock \
	  > $(VENV)/without-torch.lock; \
	if $(INSTALL) --quiet --no-index --no-deps --force-reinstall 'torch>=2.8' 2>/dev/null \
	  || $(INSTALL) --quiet --no-deps "torch==$$locked+cpu" 2>/dev/null; \
	then $(INSTALL) --quiet --require-hashes --no-deps -r $(VENV)/without-torch.lock \
	  && $(BIN)/python -c 'import torch; print("torch", torch.__version__, "as offered")'; \
	else false; fi \
	|| { echo "installing the locked packages (torch $$locked with its GPU libraries)"; \
	  $(INSTALL) --quiet --require-hashes --no-deps -r requirements.lock; }
	@touch $@

$(CORE): $(REQUIREMENTS) $(CORE_SOURCES) | tools
	@rm -f $(VENV)/.stamp-core*
	@if command -v nasm >/dev/null && [ -n "$(NO_SIMD)" ]; then \
	  cargo clean --quiet --release --package mozjpeg-sys; fi
	PIP_QUIET=1 $(BIN)/maturin develop --release --locked
	@$(BIN)/python -c 'from cogtrain import _core, environment; \
	_core.jpeg_assembler() or print("note:", environment.NO_ASSEMBLER)'
	@touch $@
