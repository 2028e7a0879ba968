# Checks of the contracts beside their tests. Sourced by ./delea.

SLITHER_VERSION=0.11.6
CRYTIC_COMPILE_VERSION=0.4.2

# Slither looks for known mistakes in what the compiler gives, so it needs no compiler and no network of its own.
# What it finds is explained in solidity/slither.explained.json, or fails.
check_slither() {
  local work=$CACHE/slither slither=$CACHE/venv/bin/slither
  install_slither "$slither"
  rm -rf "$work"
  mkdir -p "$work"
  (
    cd solidity
    # Slither reads the syntax tree: the optimizer would only take time.
    FOUNDRY_OPTIMIZER=false run slither-build "compiling the contracts for Slither" \
      forge build --skip test script --build-info --out "$work/out" --cache-path "$work/cache"
    run slither "Slither" "$slither" . --ignore-compile --foundry-out-directory "$work/out" --json "$work/found.json"
    node script/slither.mjs "$work/found.json"
  )
}

# install_slither BINARY
install_slither() {
  local venv=$CACHE/venv
  [ "$("$1" --version 2>/dev/null)" = "$SLITHER_VERSION" ] && return
  install_venv "$venv"
  say "Installing slither-analyzer $SLITHER_VERSION"
  run install-slither "installing slither-analyzer (is the network there?)" "$venv/bin/pip" install \
    "slither-analyzer==$SLITHER_VERSION" "crytic-compile==$CRYTIC_COMPILE_VERSION"
}

# SECURITY.md names the test that shows each defence.
check_named_tests() {
  local name
  for name in $(grep -oE '\b(test|testFuzz|invariant)_[A-Za-z0-9_]+' solidity/SECURITY.md | sort -u); do
    grep -q "function $name(" solidity/test/*.sol || die "SECURITY.md names $name, which is no test"
  done
}

# Coverage compiles without the optimizer, which every contract here bears without --ir-minimum, whose source maps
# are not exact. What measures gas, and what reads compiled files, has nothing to say about such code.
check_coverage() {
  local table=$LOGS/coverage.log
  (
    cd solidity
    FOUNDRY_FUZZ_RUNS=64 FOUNDRY_INVARIANT_RUNS=4 FOUNDRY_GAS_SNAPSHOT_EMIT=false run coverage "measuring coverage" \
      forge coverage --report summary --exclude-tests --no-match-coverage '^(test|script)/' \
      --no-match-path 'test/{Gas,SeatsGas,SeatsSearch}.t.sol'
  )
  sed -n '/^| File/,/^| Total/p' "$table"
  awk -F'|' '
    function percent(cell) { sub(/%.*/, "", cell); return cell + 0 }
    $2 ~ /^ *Total/ { found = 1; lines = percent($3); branches = percent($5) }
    END {
      if (!found) { print "no total in the table"; exit 1 }
      if (lines < 98 || branches < 95) { print "coverage is below 98% of lines or 95% of branches"; exit 1 }
    }' "$table"
}

# Changes the money code in one place at a time; each change must be noticed by a test.
check_mutants() {
  node solidity/script/mutate.mjs
}
