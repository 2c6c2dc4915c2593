# The two commands of the README, and what helps to work on the project. Each does its own set-up.
.PHONY: help demo test setup build lint docs bench bench-table agree fuzz

help:
	@echo 'make demo    Raft and ZAB under the same faults, judged and compared, in about a minute'
	@echo 'make test    all tests'
	@echo 'make build   the splitbrain program: target/release/splitbrain'
	@echo 'make lint    formatting, clippy and the documentation, as contributions must pass them'
	@echo 'make bench   the benchmarks'
	@echo 'make fuzz    everything that reads a history, for ten minutes each (MINUTES=10); see docs/fuzzing.md'
	@echo 'make bench-table   what checks cost, in one table (OPS_MAX=10000000 for the longest history)'
	@echo 'make agree   the long run of the tests that hold the checks against brute force (FACTOR=12)'

setup:
	@scripts/setup

build: setup
	cargo build --release --locked --bin splitbrain

demo: build
	@scripts/demo

test: setup
	cargo test --workspace --locked
	@cargo run --quiet --locked --bin splitbrain -- doctor || echo 'The tests of what is missing here were skipped.'

lint: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked

bench: setup
	cargo bench --workspace --locked

bench-table: setup
	cargo run --release --locked -p splitbrain-checker --example table -- $(or $(OPS_MAX),1000000)

agree: setup
	SPLITBRAIN_TEST_FACTOR=$(or $(FACTOR),12) cargo test --locked -p splitbrain-checker --lib -- --nocapture all_algorithms_agree all_models_agree

# One after the other, so that each gets the time that it is named for.
MINUTES ?= 10
fuzz: setup
	for target in native jepsen_edn elle_json knossos_log porcupine_kv detected; do \
		BOLERO_RANDOM_TEST_TIME_MS=$$(($(MINUTES) * 60000)) \
			cargo test -p splitbrain-checker --test fuzz --locked -- --exact $$target --nocapture || exit 1; \
	done
