# The commands that people use. `just` lists them; each is one line that you can also paste.

# List the commands.
default:
    @just --list

# Start the whole stack on this machine.
serve *flags:
    cargo run -- {{ flags }}

# Sign a sample event and send it: `just send usage --id evt_1`.
send *what:
    cargo run -q -- send {{ what }}

# Compare the accounts, the orders and the journal with each other.
audit *flags:
    cargo run -q -- audit {{ flags }}

# Run every test.
test:
    cargo test --workspace

# Run the tests whose names contain a word.
only name:
    cargo test --workspace {{ name }}

# Format the code, and deny every warning.
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Plant each bug of tests/simulator/bugs, and run simulated worlds until one catches it.
bugs *names:
    cargo xtask bugs {{ names }}

# Write PROOF.md from the results in proof/.
proof:
    cargo xtask proof

# Write infra/watch.yaml and the tables of alarms in docs/ from xtask/src/alarms.
watch:
    cargo xtask watch

# Read the documentation of the crates.
doc:
    cargo doc --workspace --no-deps --open

# Check what the project depends on: licences, sources, advisories.
deny:
    cargo deny --locked check

# Deploy to an emulated AWS and try everything there.
deploy-test:
    tests/deploy/run

# Run what CI runs.
ci:
    .ci/run
