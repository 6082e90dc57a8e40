# The few commands a person needs. Each does its own set-up (scripts/setup installs only what is missing) and prints what
# it runs, and how long each stage took.

PREFIX ?= /usr/local
.DEFAULT_GOAL := help
.PHONY: help demo test test-cross soak bench bench-bless fmt lint package package-all install uninstall clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## four hosts in four processes guard one upstream through one state file
	@scripts/setup
	@scripts/demo

test: ## everything that must hold, once: formats, lints, tests, vectors in every language, docs
	@scripts/setup
	@scripts/test

test-cross: ## the C library for musl and for arm64, and its C programs there (arm64 by qemu)
	@scripts/setup cross
	@$(MAKE) --no-print-directory -C bindings-c test-cross

soak: ## the same laws for long: SECONDS_PER_FUZZER=60, STANCHION_CASES=10000, STANCHION_ROUNDS=10
	@scripts/setup soak
	@scripts/soak

bench: ## ratios against a hand-written struct and other libraries, and instruction counts
	@scripts/setup
	@scripts/bench

bench-bless: ## take the instruction counts of this machine as the committed ones
	@scripts/setup
	@scripts/bench bless

fmt: ## format all languages
	@scripts/setup
	@scripts/fmt

lint: ## check formats and lints of all languages
	@scripts/setup
	@scripts/lint

package: ## build what would be published into out/package
	@scripts/setup
	@scripts/package

package-all: ## the same, with the addons for musl and for arm64
	@scripts/setup cross
	@scripts/package all

install: ## the C library, header, pkg-config and CMake files into PREFIX (/usr/local), under DESTDIR
	@$(MAKE) --no-print-directory -C bindings-c install PREFIX='$(PREFIX)'

uninstall: ## take them away again
	@$(MAKE) --no-print-directory -C bindings-c uninstall PREFIX='$(PREFIX)'

clean: ## remove everything that was built, and the tools under .cache
	@scripts/clean
