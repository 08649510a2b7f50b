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

# the benchmarks, with the program as it is packaged; `just bench NAME` runs one
bench NAME="*" *ARGS:
    cargo bench --profile dist --bench '{{NAME}}' -- {{ARGS}}

# random faults against ten practice planes and two real ones for so many minutes
chaos MINUTES="5" SEED="":
    GATEWARD_CHAOS_REAL=1 GATEWARD_CHAOS_SECONDS=$(({{MINUTES}} * 60)) {{ if SEED == "" { "" } else { "GATEWARD_CHAOS_SEED=" + SEED } }} cargo test --test chaos

# the readers of text that others write, so many seconds each (needs a nightly compiler)
fuzz SECONDS="180" *TARGETS:
    fuzz/run {{SECONDS}} {{TARGETS}}

# main and rescue on this machine until Ctrl-C
demo:
    cargo run --release -- demo

# format everything
fmt:
    cargo fmt --all

# a Debian package, in target/debian (needs cargo-deb)
deb:
    cargo build --profile dist
    packaging/generate target/dist/gateward target/packaging
    cargo deb --no-build --profile dist

# that package installed, upgraded and purged, in a copy of this root that is thrown away (as root)
deb-try DEB:
    packaging/deb-try {{DEB}}

# the system unit under a systemd that is process 1 of a namespace: start, restart, crash, reload, stop, two boots (as root)
boot-try PROGRAM="target/debug/gateward":
    packaging/boot-try {{PROGRAM}}

# a program that needs no library of the host, in target/x86_64-unknown-linux-musl/release
static:
    rustup target add x86_64-unknown-linux-musl
    cargo build --release --target x86_64-unknown-linux-musl

# licences, advisories and duplicates of the dependencies (needs cargo-deny)
deny:
    cargo deny check

# what a clean machine runs
ci:
    .ci/run
