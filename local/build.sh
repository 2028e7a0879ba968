# Builds of the workers and the site. Sourced by ./delea.
#
# The workers are kept by the hash of what they are made from, so that a change of the page, the
# contracts or the scoring never rebuilds Burn.

SITE_BUILT=

# build_site: the page and the workers, in dist/, once a run.
build_site() {
  [ -z "$SITE_BUILT" ] || return 0
  build_parts gpu-workers cpu-workers page contracts
  gather_workers
  cp -r "$WORKERS" dist/workers
  cp -r local/samples/studio/site dist/studio
  SITE_BUILT=1
}

# build_parts PART…: two at a time, since linking keeps one core busy. Each has a profile, and so a folder of cargo's, of its own.
build_parts() {
  printf '%s\n' "$@" | xargs -P 2 -n 1 "$ROOT/delea" make || exit 1
}

build_part() {
  case ${1:-} in
    cpu-workers)
      build_cpu_worker
      build_worker graph-cpu cpu cpu-worker 2 none cpu,graph custom
      build_worker studio-cpu cpu cpu-worker 2 none cpu,studio custom
      build_worker import import cpu-worker 2 none import,worker wasm_js
      ;;
    gpu-workers)
      build_worker gpu gpu gpu-worker z -Oz gpu wasm_js
      build_worker graph-gpu gpu gpu-worker z -Oz gpu,graph wasm_js
      build_worker studio-gpu gpu gpu-worker z -Oz gpu,studio wasm_js
      ;;
    page) build_page ;;
    contracts) build_contracts ;;
    *) die "make takes cpu-workers, gpu-workers, page or contracts, not \"${1:-}\"" ;;
  esac
}

# build_page: a shell, and the parts whose code is fetched when they are first shown.
build_page() {
  say "Building the page"
  local work
  # The splitter follows relocations. Views of erased type compile to a tenth less code; the page itself computes
  # nothing that SIMD would speed up.
  run cargo-page "building the page" env ${WASM_TOOLCHAIN:+RUSTUP_TOOLCHAIN=$WASM_TOOLCHAIN} \
    RUSTFLAGS="--cfg getrandom_backend=\"wasm_js\" --cfg erase_components$(remap_paths)" \
    cargo rustc --profile page --locked --target "$WASM_TARGET" -p delea-app --bin delea-app -- -C link-arg=--emit-relocs
  work=$(mktemp -d)
  run split-page "splitting the page" wasm-split-cli --target web --out-name delea-app \
    "$CARGO_TARGET_DIR/$WASM_TARGET/page/delea-app.wasm" "$work"
  run bindgen-page "binding the page" wasm-bindgen --target web --no-typescript --keep-lld-exports \
    --remove-name-section --remove-producers-section --out-dir "$work" "$work/delea-app.wasm"
  rm "$work/delea-app.wasm"
  minify "$work"
  run dist-page "putting the page together" node local/page.mjs "$work" dist
  rm -rf "$work"
}

# build_workers: each worker that changed, kept in the cache.
build_workers() {
  [ -z "$SITE_BUILT" ] || return 0
  build_parts gpu-workers cpu-workers
  gather_workers
}

# gather_workers: all of them in one folder; sets WORKERS to it.
gather_workers() {
  WORKERS=$CACHE/workers/site
  rm -rf "$WORKERS"
  mkdir -p "$WORKERS"
  local worker
  for worker in cpu graph-cpu import gpu graph-gpu studio-cpu studio-gpu; do cp "$CACHE/workers/$(worker_key "$worker")"/* "$WORKERS/"; done
  cp -r model-runtime/host "$WORKERS/"
  build_ledger_worker "$WORKERS"
}

# minify FOLDER: what wasm-bindgen writes is commented for readers, who have its source.
minify() {
  local script
  for script in "$1"/*.js; do
    run "minify-$(basename "$script")" "minifying $(basename "$script")" terser "$script" --module --compress --mangle --output "$script"
  done
}

# build_ledger_worker FOLDER: the reader of job logs, which is small enough to leave the caching to cargo.
build_ledger_worker() {
  local work hash
  run cargo-ledger "building the ledger worker" env ${WASM_TOOLCHAIN:+RUSTUP_TOOLCHAIN=$WASM_TOOLCHAIN} \
    cargo build --profile ledger-worker --locked --target "$WASM_TARGET" -p delea-ledger --features worker --bin ledger-worker
  work=$(mktemp -d)
  run bindgen-ledger "binding the ledger worker" wasm-bindgen --target web --no-typescript --out-dir "$work" \
    "$CARGO_TARGET_DIR/$WASM_TARGET/ledger-worker/ledger-worker.wasm"
  minify "$work"
  hash=$(cat "$work"/* | sha256sum | cut -c1-16)
  mv "$work/ledger-worker_bg.wasm" "$1/ledger-worker-$hash.wasm"
  mv "$work/ledger-worker.js" "$1/ledger-worker-$hash.js"
  worker_entry ledger "$hash" >"$1/ledger-worker.js"
  rm -rf "$work"
}

# worker_entry NAME HASH: the script that starts a worker.
worker_entry() {
  cat <<JS
import init from "./$1-worker-$2.js";
await init({ module_or_path: new URL("./$1-worker-$2.wasm", import.meta.url) });
JS
}

build_cpu_worker() {
  build_worker cpu cpu cpu-worker 2 none cpu custom
}

# All that a worker's bytes depend on: tools, its own part of the dependency tree, its sources.
worker_inputs() {
  local features=$1
  rustc ${WASM_TOOLCHAIN:++$WASM_TOOLCHAIN} --version
  wasm-opt --version
  wasm-bindgen --version
  terser --version
  cargo tree --locked --target "$WASM_TARGET" -e normal,build --prefix none -f '{p} {f}' -p delea-model-runtime \
    --no-default-features --features "$features" | sed -E 's/ \((\/[^)]*|proc-macro|\*)\)//g' | LC_ALL=C sort -u
  sed -n '/^# The page/,/^# Native/p' Cargo.toml
  cat .cargo/config.toml
  declare -f build_worker remap_paths minify
  worker_sources "$features" | LC_ALL=C sort | xargs sha256sum
}

# The crate's sources without those that a worker of these features leaves out, so that a reader's or a test's change rebuilds no Burn.
worker_sources() {
  local leave=(-path model-runtime/src/dag.rs -o -path model-runtime/src/engine/flow/foreign.rs -o -path 'model-runtime/src/bin/train_base*' -o)
  case ,$1, in
    *,import,*) leave+=(-path 'model-runtime/src/engine*' -o -path model-runtime/src/exact.rs) ;;
    *) leave+=(-path 'model-runtime/src/import*' -o -path 'model-runtime/src/graph/[!n]*' -o -path model-runtime/src/worker/importer.rs) ;;
  esac
  case ,$1, in
    *,graph,*) ;;
    *) leave+=(-o -path 'model-runtime/src/engine/graph*') ;;
  esac
  case ,$1, in
    *,studio,*) ;;
    *,import,*) ;;
    *)
      leave+=(-o -path model-runtime/src/studio.rs -o -path 'model-runtime/src/studio/[!n]*' -o -path model-runtime/src/worker/painting.rs)
      leave+=(-o -path model-runtime/src/engine/adapter.rs -o -path model-runtime/src/engine/dit.rs -o -path model-runtime/src/engine/flow.rs)
      ;;
  esac
  find model-runtime/src -type f -not \( "${leave[@]}" \)
  case ,$1, in *,cpu,*) find gemm -type f ;; esac
}

worker_key() {
  cat "$CACHE/workers/$1.key"
}

# Flags that leave the folders of whoever builds out of the bytes, which are then the same for everybody.
remap_paths() {
  local folder
  for folder in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/; do printf ' --remap-path-prefix=%s=' "$folder"; done
}

# build_worker NAME BINARY PROFILE LINK-LEVEL WASM-OPT-LEVEL FEATURES RANDOMNESS
#
# Those whose names begin with "graph" are the same programs with the interpreter of uploaded models in
# them. LINK-LEVEL is what link-time optimisation runs at: loops become vector code then, or never. Crates
# that their profile keeps small stay small. WASM-OPT-LEVEL is -Oz for the WebGPU worker, whose steps
# take five times as long without it (and twice, for the second time finds some more), and none for the
# others: what it shortens compresses worse, and the CPU worker's loops run slower after it. RANDOMNESS is
# where getrandom has it from: the exact tier asks no host.
build_worker() {
  local name=$1 bin=$2-worker profile=$3 link=$4 level=$5 features=$6 randomness=$7
  local key out work
  key=$name-$(worker_inputs "$features" | sha256sum | cut -c1-16)
  out=$CACHE/workers/$key
  mkdir -p "$CACHE/workers"
  echo "$key" >"$CACHE/workers/$name.key"
  [ -e "$out/$name-worker.js" ] && return
  say "Building the $name worker"
  run "cargo-$name" "building the $name worker" env ${WASM_TOOLCHAIN:+RUSTUP_TOOLCHAIN=$WASM_TOOLCHAIN} \
    RUSTFLAGS="-C target-feature=+simd128 --cfg getrandom_backend=\"$randomness\"$(remap_paths)" \
    cargo rustc --profile "$profile" --locked --target "$WASM_TARGET" -p delea-model-runtime \
    --no-default-features --features "$features" --bin "$bin" -- -C opt-level="$link"
  work=$(mktemp -d)
  run "bindgen-$name" "binding the $name worker" wasm-bindgen --target web --no-typescript --out-dir "$work" \
    "$CARGO_TARGET_DIR/$WASM_TARGET/$profile/$bin.wasm"
  if [ "$level" != none ]; then
    run "wasm-opt-$name" "optimising the $name worker" wasm-opt "$level" "$level" \
      --enable-simd --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext --enable-mutable-globals \
      --enable-reference-types --enable-multivalue -o "$work/${bin}_bg.wasm" "$work/${bin}_bg.wasm"
  fi
  minify "$work"
  local hash
  hash=$(cat "$work/${bin}_bg.wasm" "$work/$bin.js" | sha256sum | cut -c1-16)
  rm -rf "$out"
  mkdir -p "$out"
  # Names carry the hash so that browsers may keep them for ever; only the entry script is asked for anew.
  mv "$work/${bin}_bg.wasm" "$out/$name-worker-$hash.wasm"
  mv "$work/$bin.js" "$out/$name-worker-$hash.js"
  worker_entry "$name" "$hash" >"$out/$name-worker.js"
  rm -rf "$work"
}

# build_node: the headless node; sets DELEA_NODE to its program.
build_node() {
  say "Building the node"
  run node "building the node" cargo build --locked -p delea-node
  DELEA_NODE=$CARGO_TARGET_DIR/debug/delea-node
}

# simulate_market OPTION…: a market of a thousand workers, honest and not, on the compiled contracts.
simulate_market() {
  run simulate-market "building the simulation" cargo build --locked --profile base -p delea-market-tests
  "$CARGO_TARGET_DIR/base/simulate-market" "$@"
}

# train_base [check] OPTION…: the studio's base network, on the host; Ctrl-C stops it, and it goes on from there. With `check`
# the network that the site ships is measured.
train_base() {
  local font=/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf program data=$CACHE/base/emoji.safetensors
  [ -e "$font" ] || apt_install fonts-noto-color-emoji
  say "Building the trainer"
  run train-base "building the trainer" cargo build --locked --profile base -p delea-model-runtime --features cpu,base --bin train-base
  program=$CARGO_TARGET_DIR/base/train-base
  mkdir -p "$CACHE/base"
  "$program" prepare --font "$font" --data "$data"
  if [ "${1:-}" = check ]; then
    shift
    exec "$program" check --data "$data" --from local/samples/studio/site/base.safetensors "$@"
  fi
  case " $* " in *" --steps "*) ;; *) set -- --steps 6000 "$@" ;; esac
  exec "$program" train --data "$data" --state "$CACHE/base/state" "$@"
}

# finish_dist [--config FILE]: what a static host serves.
finish_dist() {
  if [ "${1:-}" = --config ]; then
    [ -f "${2:-}" ] || die "--config needs a file; see README, \"Public network\""
    cp "$2" dist/delea.json
  fi
  say "The site is in dist/"
}

# build_contracts: the artifacts that deploying needs.
build_contracts() {
  say "Compiling the contracts"
  (cd solidity && run forge-build "compiling the contracts" forge build)
}
