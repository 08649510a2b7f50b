# What a change goes through, by name. `just` alone lists the recipes.

_list:
    @just --list

# the rules that need no processes: format, lints, docs, the stairs
check:
    cargo fmt --all --check
    cargo clippy --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps
    cargo test --test tidy

# everything, with the real gateway; installs the pinned OpenClaw into target/ once
test *ARGS:
    cargo test {{ARGS}}

# all but the real gateway
test-fast *ARGS:
    GATEWARD_TEST_OPENCLAW=skip cargo test {{ARGS}}

# the benchmarks; `just bench NAME` runs one
bench *ARGS:
    cargo bench {{ARGS}}

# main and rescue on this machine until Ctrl-C
demo:
    cargo run --release -- demo

# format everything
fmt:
    cargo fmt --all

# licences, advisories and duplicates of the dependencies (needs cargo-deny)
deny:
    cargo deny check

# what a clean machine runs
ci:
    .ci/run
