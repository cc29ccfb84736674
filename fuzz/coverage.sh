#!/usr/bin/env bash
# Which lines of ours the corpora reach: builds the fuzz targets with clang's coverage, replays fuzz/corpus and
# .fuzz/corpus, and prints a line for each source file.
#
#   fuzz/coverage.sh [SOURCE...]     those of src/image and src/capi, and the readers of models, text and pixels
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/coverage
sources=("$@")
if [[ $# -eq 0 ]]; then
  sources=("$root"/src/{image,image/formats,capi}/*.cpp "$root"/src/models/{shapes,local_catalog}.cpp
    "$root/src/ops/pixels.cpp" "$root"/src/base/{env_file,settings,settings_table}.cpp
    "$root"/src/{records/record,scan/resume,sources/list}.cpp "$root/src/cli/arguments.cpp")
fi

(cd "$root" && cmake --preset coverage >/dev/null)
cmake --build "$build" --target fuzz_targets >&2
rm -f "$build"/*.profraw
objects=()
for program in "$build"/fuzz_*; do
  [[ -x $program && -f $program ]] || continue
  target=${program##*/fuzz_}
  folders=("$root/fuzz/corpus/$target")
  [[ -d $root/.fuzz/corpus/$target ]] && folders+=("$root/.fuzz/corpus/$target")
  LLVM_PROFILE_FILE=$build/$target.profraw "$program" "${folders[@]}" >/dev/null || echo "$target fails" >&2
  objects+=(-object "$program")
done
llvm-profdata-14 merge -sparse "$build"/*.profraw -o "$build/fuzz.profdata"
llvm-cov-14 report "${objects[@]:1}" -instr-profile="$build/fuzz.profdata" "${sources[@]}"
