# Every check. Sourced by ./delea.

FULL=

check() {
  local only=
  while [ $# -gt 0 ]; do
    case $1 in
      --full) FULL=1 ;;
      --only) only=${2:-}; shift ;;
      *) die "test takes --full and --only NAME, not \"$1\"" ;;
    esac
    shift
  done
  case $only in
    '' | format | build | contracts | lint | rust | wasm | node | browser) ;;
    *) die "--only takes format, build, contracts, lint, rust, wasm, node or browser, not \"$only\"" ;;
  esac
  local step since
  for step in ${only:-format build contracts lint rust wasm node browser}; do
    since=$SECONDS
    say "== $step"
    "check_$step"
    say "== $step passed in $((SECONDS - since)) s"
  done
  say "Every check passed"
}

check_format() {
  cargo fmt --all --check
  (cd solidity && forge fmt --check)
}

# What the other parts need, made side by side before one of them waits for another.
check_build() {
  build_site
}

check_lint() {
  cargo clippy --locked -p delea-app -p delea-contracts-abi -p delea-ledger -p delea-market-tests -p delea-node -p delea-scoring -p gemm \
    --all-targets -- -D warnings
  cargo clippy --locked --target "$WASM_TARGET" -p delea-ledger --features worker --bin ledger-worker -- -D warnings
  cargo clippy --locked -p delea-model-runtime --features cpu,graph,import,ipfs,base --all-targets -- -D warnings
  cargo clippy --locked -p delea-model-runtime --features cpu --bin cpu-worker -- -D warnings
  cargo clippy --locked -p delea-model-runtime --features gpu,graph,studio --bin gpu-worker -- -D warnings
}

check_rust() {
  cargo test --locked -p delea-app -p delea-contracts-abi -p delea-ledger -p delea-node -p delea-scoring
  install_onnx_cases
  # Broken files: some, or millions, which take sixteen minutes.
  ONNX_FUZZ_ROUNDS=${FULL:+30000} FUZZ_SECONDS=${FULL:+150} cargo test --locked -p gemm -p delea-model-runtime --features cpu,graph,import,ipfs,base
}

check_contracts() {
  (
    cd solidity
    export FORGE_SNAPSHOT_CHECK=true
    forge test
    if [ -n "$FULL" ]; then FOUNDRY_PROFILE=heavy forge test; fi
  )
  # What the contracts hold and what scoring computes, on the compiled code.
  cargo test --locked -p delea-market-tests
  node contracts-abi/extract.mjs --check
  node solidity/script/gas-table.mjs --check
  node --test tests/deploy/*.test.mjs
  check_named_tests
  check_slither
  if [ -n "$FULL" ]; then
    check_coverage
    check_mutants
    simulate_market --out "$CACHE/market"
  fi
}

check_wasm() {
  build_workers
  WORKERS=$WORKERS node --test tests/wasm/*.test.mjs
  if [ -n "$FULL" ]; then
    check_onnx_in_wasm
    check_reproducible
  fi
}

# The ONNX project's cases once more, with the interpreter as wasm.
check_onnx_in_wasm() {
  local program
  install_onnx_cases
  install_wasi
  say "Building the ONNX cases' test for wasm"
  run onnx-wasm "building the ONNX cases' test for wasm" env RUSTFLAGS="-C target-feature=+simd128" \
    cargo test --locked --no-run --target wasm32-wasip1 -p delea-model-runtime --features cpu,graph,import --test onnx
  program=$(grep -o '[^(]*onnx-[0-9a-f]*\.wasm' "$LOGS/onnx-wasm.log" | tail -n 1)
  ONNX_FUZZ_ROUNDS=20 node --no-warnings tests/onnx/wasi.mjs "$program" "$ONNX_NODE_TESTS" --nocapture
}

# The exact tier in four engines, and headless nodes on a real chain, honest and not.
check_node() {
  build_node
  build_site
  WORKERS=$WORKERS DELEA_NODE=$DELEA_NODE node --test tests/exact/*.test.mjs
  DELEA_NODE=$DELEA_NODE node --test --test-concurrency 1 tests/node/*.test.mjs
  if [ -n "$FULL" ]; then DELEA_NODE=$DELEA_NODE node --test tests/node/soak.mjs; fi
}

check_browser() {
  build_site
  playwright test --config tests/browser/playwright.config.mjs
}

# The CPU worker is the specification of the exact tier: whoever builds it, wherever, must get the same bytes.
check_reproducible() {
  local first second away=$CACHE/again cargo=${CARGO_HOME:-$HOME/.cargo}
  first=$(cat "$WORKERS"/cpu-worker-*.wasm | sha256sum)
  rm -rf "$away"
  mkdir -p "$away/checkout" "$away/cargo/registry"
  git ls-files -z | tar -c --null -T - | tar -x -C "$away/checkout"
  cp -r "$cargo"/registry/{cache,index} "$away/cargo/registry/"
  [ ! -e "$cargo/config.toml" ] || cp "$cargo/config.toml" "$away/cargo/"
  second=$(
    export CARGO_HOME=$away/cargo CARGO_TARGET_DIR=$away/target CACHE=$away
    cd "$away/checkout"
    build_cpu_worker >&2
    cat "$CACHE/workers/$(worker_key cpu)"/cpu-worker-*.wasm | sha256sum
  )
  [ "$first" = "$second" ] || die "two builds of the CPU worker differ: $first and $second"
  say "Two builds of the CPU worker, in folders of different names, are equal: $first"
}
