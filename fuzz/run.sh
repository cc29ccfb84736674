#!/usr/bin/env bash
# Runs fuzz targets of build/fuzz one after another; ./dev fuzz builds them first.
#
#   fuzz/run.sh [TARGET...|all] [--seconds N] [--runs N] [--timeout N]
#
# --timeout: seconds of wall time for one input, 2; on a busy machine more, and `slowest` tells what an input took.
# Corpora grow in .fuzz/corpus, what is found lands in .fuzz/found, executions and coverage of every run in
# .fuzz/log. Ends with 1 when something was found.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bytes_max=8192
limits=(-rss_limit_mb=2048 "-max_len=$bytes_max" -print_final_stats=1)
timeout_s=2

targets=()
budget=(-max_total_time=60)
while [[ $# -gt 0 ]]; do
  case $1 in
    --seconds) budget=("-max_total_time=${2:?--seconds needs a number}") && shift ;;
    --runs) budget=("-runs=${2:?--runs needs a number}") && shift ;;
    --timeout) timeout_s=${2:?--timeout needs a number} && shift ;;
    -*) echo "fuzz/run.sh: unknown option $1" >&2 && exit 2 ;;
    all) ;;
    *) targets+=("$1") ;;
  esac
  shift
done
if [[ ${#targets[@]} -eq 0 ]]; then
  mapfile -t targets < <(cd "$root/build/fuzz" && find . -maxdepth 1 -name 'fuzz_*' -printf '%f\n' |
    sed 's/^fuzz_//' | sort)
fi

# Codecs built by fuzz/build_codecs.sh are found before those of the system.
if [[ -d $root/.fuzz/codecs/lib ]]; then
  export LD_LIBRARY_PATH=$root/.fuzz/codecs/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi
export LSAN_OPTIONS=suppressions=$root/tests/lsan.supp:print_suppressions=0
mkdir -p "$root/.fuzz/found" "$root/.fuzz/logs"

found=0
for target in "${targets[@]}"; do
  program=$root/build/fuzz/fuzz_$target
  [[ -x $program ]] || { echo "fuzz/run.sh: there is no target $target" >&2 && exit 2; }
  corpus=$root/.fuzz/corpus/$target
  log=$root/.fuzz/logs/$target.txt
  mkdir -p "$corpus"
  words=$root/fuzz/dictionaries/$target.dict
  [[ $target != resume ]] || words=$root/fuzz/dictionaries/records.dict  # a file of these
  dictionary=()
  [[ ! -f $words ]] || dictionary=("-dict=$words")
  outcome=clean
  nice "$program" "${limits[@]}" "-timeout=$timeout_s" "${budget[@]}" "${dictionary[@]}" \
    -artifact_prefix="$root/.fuzz/found/${target}_" "$corpus" "$root/fuzz/corpus/$target" >"$log" 2>&1 || outcome=found
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  slowest=$(sed -n 's/^stat::slowest_unit_time_sec: *//p' "$log")
  coverage=$(grep -oE 'cov: [0-9]+ ft: [0-9]+' "$log" | tail -n 1 || true)
  echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $target ${runs:-0} $outcome $coverage slowest: ${slowest:-?} s" |
    tee -a "$root/.fuzz/log"
  if [[ $outcome == found ]]; then
    found=1
    grep -E 'ERROR: |this must hold|Test unit written' "$log" >&2 || tail -n 5 "$log" >&2
  fi
done
exit $found
