#!/usr/bin/env bash
# Tests the kernels as processors have them that are not here: x86-64 without AVX, and 64-bit Arm. ./dev kernels
#
#   run.sh [MIEN]     MIEN, a program that was built for x86-64, then looks at a photo without AVX too
#
# The tests are those of tests/ops, in a program of their own (CMakeLists.txt). Each runs every instruction set that the
# processor has beside the plain loops, with the tolerance of the native tests: most have none.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
arm64=$root/.deps/arm64
arm64_packages=(libhwy1 libhwy-dev libssl3 libssl-dev nlohmann-json3-dev)
# SSSE3 and no more; SSE4.2; AVX2, without what qemu would warn that it lacks.
processors=(core2duo Nehalem Haswell-noTSX,pcid=off,x2apic=off,tsc-deadline=off,invpcid=off)

die() {
  echo "kernels: $1" >&2
  exit 1
}

# Debian's packages of arm64, unpacked and not installed: apt keeps its lists of them apart from the system's.
fetch_arm64() {
  [[ -f $arm64/complete ]] && return
  local state=$arm64/apt apt
  rm -rf "$arm64"
  mkdir -p "$state/lists/partial" "$state/archives/partial"
  apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o "Dir::State::lists=$state/lists"
    -o "Dir::Cache=$state" -o APT::Sandbox::User=root)
  echo '== fetching packages of arm64 (19 MB, most of it lists)' >&2
  (cd "$state" && "${apt[@]}" update && "${apt[@]}" download "${arm64_packages[@]}") >&2 ||
    die 'apt-get has no packages of arm64: on Ubuntu its sources must name the archive that has them'
  local package
  for package in "$state"/*.deb; do dpkg-deb -x "$package" "$arm64"; done
  rm -rf "$state"
  touch "$arm64/complete"
}

# build NAME [CMAKE OPTION...]
build() {
  local folder=$root/build/kernels/$1 log=$root/build/kernels/$1.log launcher=()
  shift
  mkdir -p "$folder"
  command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  { cmake -G Ninja -S "$here" -B "$folder" -DCMAKE_BUILD_TYPE=RelWithDebInfo "${launcher[@]}" "$@" &&
    cmake --build "$folder" --target kernel_tests; } >"$log" 2>&1 || {
    tail -n 40 "$log" >&2
    die "the tests do not build (above, and in $log)"
  }
}

# run NAME COMMAND...
run() {
  echo "== $1"
  shift
  "$@" --gtest_brief=1
}

[[ $(uname -m) == x86_64 ]] || die 'this needs an x86-64 machine: elsewhere ./dev test runs what your processor has'
build x86_64
for processor in "${processors[@]}"; do
  run "x86-64: ${processor%%,*}" qemu-x86_64 -cpu "$processor" "$root/build/kernels/x86_64/kernel_tests"
done
fetch_arm64
build aarch64 "-DCMAKE_TOOLCHAIN_FILE=$here/aarch64.cmake" "-DMIEN_ARM64_ROOT=$arm64"
run aarch64 qemu-aarch64 -L /usr/aarch64-linux-gnu -E "LD_LIBRARY_PATH=$arm64/usr/lib/aarch64-linux-gnu" \
  "$root/build/kernels/aarch64/kernel_tests"
if [[ $# -gt 0 ]]; then
  echo "== x86-64: Nehalem: mien faces"
  MIEN_RUNTIME=onnxruntime qemu-x86_64 -cpu Nehalem "$1" faces "$root/.deps/photos/obama.jpg"
fi
echo 'kernels: all fine'
