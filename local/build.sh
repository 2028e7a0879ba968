# Builds of the workers and the site. Sourced by ./delea.
#
# The workers are kept by the hash of what they are made from, so that a change of the page, the
# contracts or the scoring never rebuilds Burn.

# build_site: the page and the workers, in dist/.
build_site() {
  build_workers
  say "Building the page"
  run trunk "building the page" env ${WASM_TOOLCHAIN:+RUSTUP_TOOLCHAIN=$WASM_TOOLCHAIN} trunk build --release --offline
  mkdir -p dist/workers
  for worker in cpu gpu import; do cp "$WORKERS/$worker"/* dist/workers/; done
}

# build_workers: each worker that changed, kept in the cache; sets WORKERS to where they lie.
build_workers() {
  local key
  key=$(worker_inputs | sha256sum | cut -c1-16)
  WORKERS=$CACHE/workers/$key
  build_worker cpu "-O3" cpu
  build_worker import "-Oz" import,worker
  build_worker gpu "-Oz" gpu
}

worker_inputs() {
  rustc ${WASM_TOOLCHAIN:++$WASM_TOOLCHAIN} --version
  wasm-opt --version
  cat Cargo.toml Cargo.lock .cargo/config.toml local/build.sh
  find model-runtime -type f \( -name '*.rs' -o -name '*.toml' -o -name '*.json' \) | LC_ALL=C sort | xargs sha256sum
}

# build_worker NAME WASM-OPT-LEVEL FEATURES
build_worker() {
  local name=$1 level=$2 features=$3
  local out=$WORKERS/$name bin=$name-worker work
  [ -e "$out/$bin.js" ] && return
  say "Building the $name worker"
  run "cargo-$name" "building the $name worker" env ${WASM_TOOLCHAIN:+RUSTUP_TOOLCHAIN=$WASM_TOOLCHAIN} \
    cargo build --release --locked --target "$WASM_TARGET" -p delea-model-runtime --no-default-features \
    --features "$features" --bin "$bin"
  work=$(mktemp -d)
  run "bindgen-$name" "binding the $name worker" wasm-bindgen --target web --no-typescript --out-dir "$work" \
    "$CARGO_TARGET_DIR/$WASM_TARGET/release/$bin.wasm"
  run "wasm-opt-$name" "optimising the $name worker" wasm-opt "$level" \
    --enable-simd --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext --enable-mutable-globals \
    --enable-reference-types --enable-multivalue -o "$work/optimised.wasm" "$work/${bin}_bg.wasm"
  local hash
  hash=$(cat "$work/optimised.wasm" "$work/$bin.js" | sha256sum | cut -c1-16)
  rm -rf "$out"
  mkdir -p "$out"
  # Names carry the hash so that browsers may keep them for ever; only the entry script is asked for anew.
  mv "$work/optimised.wasm" "$out/$bin-$hash.wasm"
  mv "$work/$bin.js" "$out/$bin-$hash.js"
  cat >"$out/$bin.js" <<JS
import init from "./$bin-$hash.js";
await init({ module_or_path: new URL("./$bin-$hash.wasm", import.meta.url) });
JS
  rm -rf "$work"
}

# finish_dist [--config FILE]: what a static host serves.
finish_dist() {
  if [ "${1:-}" = --config ]; then
    [ -f "${2:-}" ] || die "--config needs a file; see README, \"Public network\""
    cp "$2" dist/delea.json
  fi
  say "The site is in dist/"
}
