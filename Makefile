# The two commands of the README, and what helps to work on the project. Each does its own set-up.
.PHONY: help demo test setup build lint docs bench

help:
	@echo 'make demo    Raft and ZAB under the same faults, judged and compared, in about a minute'
	@echo 'make test    all tests'
	@echo 'make build   the splitbrain program: target/release/splitbrain'
	@echo 'make lint    formatting, clippy and the documentation, as contributions must pass them'
	@echo 'make bench   the benchmarks'

setup:
	@scripts/setup

build: setup
	cargo build --release --locked --bin splitbrain

demo: build
	@scripts/demo

test: setup
	cargo test --workspace --locked

lint: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked

bench: setup
	cargo bench --workspace --locked
