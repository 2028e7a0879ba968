# What `./delea` needs on a machine, each installed only when it is missing.
# Sourced by ./delea.

APT_PACKAGES=()
ONNX_VERSION=1.22.0

# want_apt COMMAND PACKAGE…: remembers packages whose command is missing.
want_apt() {
  local command=$1
  shift
  command -v "$command" >/dev/null || APT_PACKAGES+=("$@")
}

apt_install() {
  command -v apt-get >/dev/null || die "missing: $*; install them with your system's package manager and run this again"
  local sudo=()
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  say "Installing $*"
  run apt-update "updating Debian's package list (is the network there?)" "${sudo[@]}" apt-get update
  run apt-install "installing $*" "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

install_all() {
  install_rust
  command -v node >/dev/null || die "Node.js 20 or newer is missing; install it and run this again"
  [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || die "Node.js $(node --version) is too old; version 20 or newer is needed"
  want_apt cc build-essential
  want_apt brotli brotli
  want_apt firefox-esr firefox-esr
  command -v "${CHROMIUM:-chromium}" >/dev/null || APT_PACKAGES+=(chromium)
  [ ${#APT_PACKAGES[@]} = 0 ] || apt_install "${APT_PACKAGES[@]}"
  install_wasm_std
  install_cargo_tool wasm_split_cli_support "$SPLIT_VERSION" --locked --features build-binary
  # Its lock file names a crate version that not every mirror has, so it resolves afresh.
  install_cargo_tool wasm-bindgen-cli "$BINDGEN_VERSION"
  install_npm
  link_forge
}

# The compiler that rust-toolchain.toml names, else the one that is there.
install_rust() {
  command -v cargo >/dev/null || die "Rust is missing; install it from https://rustup.rs and run this again"
  command -v rustup >/dev/null || return 0
  local wanted
  wanted=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)
  grep -q "^$wanted-" <<<"$(rustup toolchain list)" && return
  say "Installing Rust $wanted"
  timeout 600 rustup toolchain install "$wanted" --profile minimal --component clippy --component rustfmt \
    --target "$WASM_TARGET" >"$LOGS/rust.log" 2>&1 && return
  RUSTUP_TOOLCHAIN=$(rustup default | cut -d' ' -f1)
  [ -n "$RUSTUP_TOOLCHAIN" ] || die "Rust $wanted could not be installed (see $LOGS/rust.log); is the network there?"
  export RUSTUP_TOOLCHAIN
  [[ $(rustc --version) = "rustc $wanted "* ]] ||
    say "Rust $wanted could not be installed: $(rustc --version) is taken, whose exact runtime may have another hash"
}

# The target's standard library: from rustup, else built from Debian's Rust sources.
install_wasm_std() {
  export WASM_TOOLCHAIN=
  has_wasm_std "$(rustc --print sysroot)" && return
  if [ -n "$(command -v rustup)" ]; then
    if rustup run debian rustc --version >/dev/null 2>&1 && has_wasm_std "$(rustup run debian rustc --print sysroot)"; then
      WASM_TOOLCHAIN=debian
      return
    fi
    say "Installing Rust's wasm32 target"
    timeout 300 rustup target add "$WASM_TARGET" >"$LOGS/rustup.log" 2>&1 && return
  fi
  [ -e /etc/debian_version ] || die "rustup could not add $WASM_TARGET (see $LOGS/rustup.log); is the network there?"
  local sudo=()
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  [ -x /usr/bin/rustc ] && [ -e /usr/lib/rustlib/src/rust/library ] && command -v rust-lld lld-22 wasm-ld-22 >/dev/null ||
    apt_install rustc-web cargo-web rust-web-src libstd-rust-web-dev lld-22
  if ! has_wasm_std /usr; then
    say "Building Rust's wasm32 standard library from Debian's sources"
    local empty=$CACHE/empty-crate
    rm -rf "$empty"
    mkdir -p "$empty/src"
    printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' >"$empty/Cargo.toml"
    : >"$empty/src/lib.rs"
    # Without embedded bitcode any build with link-time optimisation fails.
    run wasm-std "building the standard library" env -u CARGO_TARGET_DIR RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 \
      RUSTFLAGS=-Cembed-bitcode=yes /usr/bin/cargo build --release --manifest-path "$empty/Cargo.toml" \
      --target-dir "$empty/target" --target "$WASM_TARGET" -Zbuild-std=std,panic_abort
    "${sudo[@]}" mkdir -p "/usr/lib/rustlib/$WASM_TARGET/lib"
    "${sudo[@]}" cp "$empty/target/$WASM_TARGET/release/deps/"*.rlib "/usr/lib/rustlib/$WASM_TARGET/lib/"
  fi
  run toolchain-link "linking Debian's Rust into rustup" rustup toolchain link debian /usr
  WASM_TOOLCHAIN=debian
}

has_wasm_std() {
  compgen -G "$1/lib/rustlib/$WASM_TARGET/lib/libstd-*.rlib" >/dev/null
}

# install_cargo_tool CRATE VERSION [FLAG…]
install_cargo_tool() {
  local crate=$1 version=$2
  shift 2
  # Not through a pipe: grep ends at its match, and cargo fails where nobody reads on.
  grep -qF "$crate v$version:" <<<"$(cargo install --list)" && return
  say "Installing $crate $version (a few minutes)"
  run "install-$crate" "installing $crate (is the network there?)" cargo install "$crate" --version "$version" "$@"
}

# install_venv FOLDER: a Python environment. Debian's Python lets pip install nowhere else, and comes without what
# makes one.
install_venv() {
  [ -x "$1/bin/pip" ] && return
  python3 -c 'import ensurepip' 2>/dev/null || apt_install python3 python3-venv
  rm -rf "$1"
  run venv "making a Python environment" python3 -m venv "$1"
}

# install_wasi: Rust's target for wasm with files, which tests alone need.
install_wasi() {
  rustc --print target-libdir --target wasm32-wasip1 2>/dev/null | xargs -I{} test -d {} && return
  timeout 300 rustup target add wasm32-wasip1 >"$LOGS/rustup-wasi.log" 2>&1 ||
    die "rustup could not add wasm32-wasip1 (see $LOGS/rustup-wasi.log); is the network there?"
}

# install_onnx_cases: the ONNX project's own cases of operators, from its Python package; sets ONNX_NODE_TESTS.
install_onnx_cases() {
  local folder=$CACHE/onnx-$ONNX_VERSION
  export ONNX_NODE_TESTS=$folder/onnx/backend/test/data/node
  [ -d "$ONNX_NODE_TESTS" ] && return
  install_venv "$CACHE/venv"
  say "Fetching the cases of onnx $ONNX_VERSION"
  rm -rf "$folder" "$folder.part"
  mkdir -p "$folder.part"
  run onnx-cases "fetching onnx $ONNX_VERSION (is the network there?)" "$CACHE/venv/bin/pip" download \
    --no-deps --only-binary :all: --dest "$folder.part" "onnx==$ONNX_VERSION"
  run onnx-unpack "unpacking onnx $ONNX_VERSION" python3 -c 'import sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
archive.extractall(sys.argv[2], [name for name in archive.namelist() if "/backend/test/data/node/" in name])' \
    "$folder.part"/*.whl "$folder.part"
  rm "$folder.part"/*.whl
  mv "$folder.part" "$folder"
}

# Exactly what package-lock.json says, again only when it changed.
install_npm() {
  local stamp=node_modules/.delea-lock
  cmp -s package-lock.json "$stamp" && return
  say "Installing npm packages"
  # Not `npm ci`: it refuses a lock that lacks the binaries of platforms a registry does not carry.
  run npm-install "installing npm packages (is the network there?)" npm install --no-save
  cp package-lock.json "$stamp"
}

# The npm package's launcher of forge answers 0 whatever forge answers: no check would ever fail.
link_forge() {
  local binary
  for binary in node_modules/@foundry-rs/forge-*/bin/forge; do
    [ -x "$binary" ] && ln -sfn "../${binary#node_modules/}" node_modules/.bin/forge && return
  done
  die "forge has no binary for this system in node_modules/@foundry-rs"
}
