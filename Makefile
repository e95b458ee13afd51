# Two commands do all the set-up: `make demo` runs the main job, `make test` passes the tests.

.PHONY: help demo build release deps test-tools test instructions lint deny advisories bench-peers pgo bench

TOOLS := $(CURDIR)/target/test-tools
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

help: ## Show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

deps: ## Install what building needs: a C compiler, perl, cmake
	@command -v cc >/dev/null && command -v perl >/dev/null && command -v cmake >/dev/null \
	  || { $(SUDO) apt-get update && $(SUDO) apt-get install -y --no-install-recommends gcc libc6-dev make perl cmake; }

demo: deps ## Build, serve with a built-in echo and a new key, print curl lines to paste
	cargo run --quiet -- demo

build: deps ## Build for development
	cargo build

release: deps ## Build for production: target/release/portcullis
	cargo build --release

test-tools: deps ## Install what the tests need
	bash tests/fixtures/install "$(TOOLS)"

test: test-tools ## Install what the tests need and run all of them
	cargo build --examples
	PORTCULLIS_TEST_TOOLS="$(TOOLS)" cargo test --all-targets

instructions: deps ## Count the instructions of decisions; fails if they are more than those checked in
	@command -v valgrind >/dev/null && command -v python3 >/dev/null \
	  || { $(SUDO) apt-get update && $(SUDO) apt-get install -y --no-install-recommends valgrind python3; }
	benches/instructions/check

lint: deps ## Format, clippy, documentation
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

deny: ## Licences, banned crates and sources of dependencies
	@command -v cargo-deny >/dev/null || cargo install cargo-deny --locked --version 0.20.2
	cargo deny check bans licenses sources

advisories: ## Known faults of dependencies; fetches the advisory database
	@command -v cargo-deny >/dev/null || cargo install cargo-deny --locked --version 0.20.2
	cargo deny check advisories

bench-peers: deps ## Measure gateways side by side and write docs/performance.md; half an hour after `make pgo`, nothing else may run
	bash benches/peers/install target/peers/tools
	bash benches/peers/install_pingap target/peers/tools
	cargo build --release && cargo build --release -p bare
	python3 benches/peers/peers.py --write

pgo: deps ## Build for production with a profile of a load of requests: target/pgo/release/portcullis
	bash benches/peers/install target/peers/tools
	bash benches/pgo

bench: test-tools ## The benchmarks of benches/
	PORTCULLIS_TEST_TOOLS="$(TOOLS)" cargo bench
