#!/usr/bin/env bash
# Runs the experiments of docs/results.md from the grids in jobs/results, and writes its tables and pictures anew:
#   jobs/results.sh [--quick | --long] [--report-only] [QUESTION ...]
# QUESTION is one of epsilon, rules, redundancy, equal, resources, variance, paper, faults, complexity; all of them without one. What is finished is not run again.
# --quick: a few steps of a tiny model, to see that everything works; --long: the paper's setting, and all of the attacks that search, for hours.
# --report-only: runs nothing, and makes tables and pictures of what is there.
# DETOX_MNIST and DETOX_CIFAR10 name folders of real images; else built-in ones are drawn. DETOX_RUNS receives the runs (runs/results), DETOX_DOCS the
# page and its files (docs; with --quick the folder of the runs). DETOX_PUBLISHED names a program that is built already.
set -euo pipefail
cd "$(dirname "$0")/.."
source jobs/environment.sh
need_dotnet

size=usual report_only='' questions=()
for argument in "$@"; do
  case $argument in
    --quick | --long) size=${argument#--} ;;
    --report-only) report_only=1 ;;
    epsilon | rules | redundancy | equal | resources | variance | paper | faults | complexity) questions+=("$argument") ;;
    *) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
  esac
done
[ ${#questions[@]} != 0 ] || questions=(epsilon rules redundancy equal resources variance paper faults complexity)

if [ $size = quick ]; then runs=${DETOX_RUNS:-runs/results-quick} docs=${DETOX_DOCS:-$runs}; else runs=${DETOX_RUNS:-runs/results} docs=${DETOX_DOCS:-docs}; fi
[ $size != quick ] || [ "$(realpath -m "$docs")" != "$PWD/docs" ] || fail "--quick: DETOX_DOCS must be another folder than docs, whose results it would replace."
if [ -z "${DETOX_PUBLISHED:-}" ]; then publish; fi
detox() { dotnet "${DETOX_PUBLISHED:-publish}/Detox.Mpi.dll" "$@"; }
pages=$docs/results
mkdir -p "$runs" "$pages"

# What --quick makes of a grid.
smaller() {
  if [ $size = quick ]; then
    sed -e 's/^steps = .*/steps = 4/; s/^model = .*/model = "softmax"/; s/^byzantine = \[.*/byzantine = [0, 2]/; s/^seed = .*/seed = [1]/; s/^evaluate-every = [1-9].*/evaluate-every = 2/' \
      -e 's/^warm-up = .*//; s/^attack = \[.*/attack = ["alie(z=1)", "reverse"]/; s/^group-size = \[.*/group-size = [1, 3]/; s/^batch = 12/batch = 3/; s/^batch = [48]/batch = 1/'
  else cat; fi
}

# write NAME DATA [OF [CHANGE ...]]: the grid of jobs/results/OF.toml, or NAME.toml, with changes as sed makes them.
write() {
  { if [ -n "$2" ]; then echo "data = \"$2\""; fi; sed -e '' "${@:4}" "jobs/results/${3:-$1}.toml" | smaller; } > "$runs/$1.toml"
}

# grid NAME DATA [OF [CHANGE ...]]: runs the sweep of a grid, and reports on it.
grid() {
  local file=$runs/$1.toml code=0
  write "$@"
  if [ -z "$report_only" ]; then detox sweep "$file" --out "$runs/$1" || code=$?; fi
  [ $code != 85 ] || exit 85
  report "$1"
}

report() { detox report "$runs/$1" --out "$runs/$1-report" "${@:2}" > "$runs/$1-report.txt"; }

# Equal samples a step instead of equal samples a rank.
per_step='s/"per-rank"/"per-step"/'

# keep NAME QUESTION FILE ...: the files of a report that the page shows, or takes its numbers from.
keep() {
  local file
  mkdir -p "$pages/$2"
  for file in "${@:3}"; do cp "$runs/$1-report/$file" "$pages/$2/"; done
}

epsilon() {
  grid epsilon "${DETOX_MNIST:-}"
  keep epsilon epsilon worst-by-q.md worst.csv results.csv worst-error-by-q.svg worst-attack.svg

  # Attacks that try twenty factors in every step: for three q, but for all with --long.
  local changes=(-e 's/^attack = .*/attack = ["opt-alie", "opt-ipm"]/')
  [ $size = long ] || changes+=(-e 's/^byzantine = .*/byzantine = [1, 5, 9]/')
  grid epsilon-opt "${DETOX_MNIST:-}" epsilon "${changes[@]}"
  keep epsilon-opt epsilon-opt worst-by-q.md worst.csv results.csv
}

rules() {
  grid rules "${DETOX_MNIST:-}"
  keep rules rules worst-by-q.md worst.csv results.csv
}

redundancy() {
  grid redundancy "${DETOX_MNIST:-}"
  keep redundancy redundancy worst-by-q.md worst.csv results.csv worst-attack.svg
}

equal() {
  local name
  grid equal-work "${DETOX_MNIST:-}" equal
  grid equal-samples "${DETOX_MNIST:-}" equal -e "$per_step"
  for name in equal-work equal-samples; do
    keep $name $name worst-by-q.md worst.csv results.csv costs.md costs.csv to-accuracy.md to-accuracy.csv accuracy-by-step-alie-z-1.svg
  done
}

variance() {
  grid variance "${DETOX_MNIST:-}"
  keep variance variance variance.md variance.csv variance-by-samples.svg
}

# Memory is that of a process, so each rank is one.
resources() {
  local name options ranks=45 launcher
  need_mpi openmpi
  launcher=$(find_mpiexec openmpi)
  options="--steps 40 --evaluate-every 0 --checkpoint-every 0 --batch 8 ${DETOX_MNIST:+--data $DETOX_MNIST}"
  if [ $size = quick ]; then ranks=9 options="--model softmax --steps 3 --checkpoint-every 0"; fi
  while IFS='|' read -r name method; do
    if [ -n "$report_only" ] || [ -e "$runs/resources/$name/result.json" ]; then continue; fi
    if [ $size = quick ] && [ "$name" != average ] && [ "$name" != D-Median ]; then continue; fi
    rm -rf "$runs/resources/$name"
    "$launcher" --oversubscribe -n $ranks dotnet "${DETOX_PUBLISHED:-publish}/Detox.Mpi.dll" $method $options --byzantine 0 --attack none --out "$runs/resources" --name "$name" < /dev/null
  done << 'METHODS'
average|--group-size 1 --across mean
median|--group-size 1 --across median
multi-krum|--group-size 1 --across multi-krum
bulyan|--group-size 1 --across bulyan
vote only|--across mean
D-Median|--across median
D-Bulyan|--across bulyan
METHODS
  report resources
  keep resources resources costs.md costs.csv time-by-phase.svg
}

# Both in full with --long; else how many runs they are, and two steps of each, one sample a rank.
paper() {
  local name changes data=${DETOX_CIFAR10:-objects}
  mkdir -p "$pages/paper"
  for name in paper-per-rank paper-per-step; do
    changes=()
    [ $name = paper-per-rank ] || changes=(-e "$per_step")
    if [ $size = long ]; then
      grid $name "$data" paper "${changes[@]}"
      keep $name $name results.md results.csv costs.md accuracy-by-step-alie-z-1.svg
    elif [ -z "$report_only" ]; then
      write $name "$data" paper "${changes[@]}"
      { echo '```'; detox sweep "$runs/$name.toml" --out "$runs/$name" --dry-run | sed "s|^$runs/||"; echo '```'; } > "$pages/paper/$name-dry-run.md"
      write $name-tiny "$data" paper "${changes[@]}" -e 's/^batch = .*/batch = 1/; s/^steps = .*/steps = 2/; s/^warm-up = .*//'
      detox sweep "$runs/$name-tiny.toml" --out "$runs/$name-tiny"
    fi
  done
}

# fault NAME [options of train]: a run with DETOX, then one with the plain average of as many ranks.
fault() {
  local name=$1 method folder start=(detox)
  shift
  if [ $size = quick ] && [ "$name" != bit-flip ]; then return; fi
  if [ "$name" = relay ]; then start=("$(find_mpiexec openmpi)" --oversubscribe -n 15 dotnet "${DETOX_PUBLISHED:-publish}/Detox.Mpi.dll"); fi
  for method in "DETOX" "average"; do
    folder="$name, $method"
    if [ -n "$report_only" ] || [ -e "$runs/faults/$folder/result.json" ]; then continue; fi
    rm -rf "$runs/faults/$folder"
    "${start[@]}" train --ranks 15 --byzantine 1 --attack "$name" "$@" $([ $method = DETOX ] || echo --group-size 1 --across mean) \
      --out "$runs/faults" --name "$folder" < /dev/null
  done
}

weights_of() { sed -n 's/^ *"weights_sha256": "\([0-9a-f]*\)".*/\1/p' "$1/result.json"; }

faults() {
  local options code=0 cut=$runs/cut
  need_mpi openmpi
  options="--model lenet-small --batch 8 --steps 120 --learning-rate 0.01 --evaluate-every 30 --checkpoint-every 0 ${DETOX_MNIST:+--data $DETOX_MNIST}"
  if [ $size = quick ]; then options="--model softmax --batch 4 --steps 6 --checkpoint-every 0"; fi
  fault bit-flip --placement fixed $options
  fault copycat --placement fixed $options
  fault stop --placement fixed $options --patience 1

  # Of ranks on one node none passes weights on; of those of five nodes the first of each does.
  DETOX_NODES=5 fault relay --placement random $options --patience 1
  report faults
  detox report "$runs/faults/bit-flip, DETOX" --out "$runs/bit-flip-report" > "$runs/bit-flip-report.txt"
  keep faults faults faults.md faults.csv
  keep bit-flip faults blame.svg

  if [ -n "$report_only" ]; then return; fi
  { echo '```'; detox selftest --inject bit-flip || code=$?; echo "exit code $code"; echo '```'; } > "$pages/faults/selftest.md"

  # The same run once in one piece, and once in two; a run that stops saves itself unless it is told never to.
  rm -rf "$cut"
  options=${options/--checkpoint-every 0/}
  detox train $options --ranks 15 --out "$cut" --name whole
  code=0
  detox train $options --ranks 15 --out "$cut" --name cut --max-hours 0.0002 || code=$?
  {
    echo "| run | exit code | steps | weights_sha256 |"
    echo "|---|---|---|---|"
    echo "| in one piece | 0 | $(wc -l < "$cut/whole/steps.jsonl") | $(weights_of "$cut/whole") |"
    echo "| stopped by --max-hours 0.0002 | $code | $(wc -l < "$cut/cut/steps.jsonl") | |"
    detox train --resume "$cut/cut" --max-hours 1 > /dev/null
    echo "| resumed | 0 | $(wc -l < "$cut/cut/steps.jsonl") | $(weights_of "$cut/cut") |"
  } > "$pages/faults/resumed.md"
  [ "$(weights_of "$cut/whole")" = "$(weights_of "$cut/cut")" ] || fail "the resumed run ends in other weights: see $pages/faults/resumed.md"
}

complexity() { if [ $size != quick ] && [ -z "$report_only" ] && [ -x jobs/results-costs.sh ]; then jobs/results-costs.sh complexity; fi; }

# The page: each block between <!-- table FILE --> and <!-- end --> becomes what the file says, which lies below the page.
page() {
  local page=$docs/results.md
  [ -e "$page" ] || cp docs/results.md "$page"
  awk -v docs="$docs" '
    /^<!-- end -->$/ { skips = 0 }
    !skips { print }
    /^<!-- table [^ ]+ -->$/ { file = docs "/" $3; while ((getline line < file) > 0) print line; close(file); skips = 1 }' "$page" > "$page.new"
  mv "$page.new" "$page"
}

for question in "${questions[@]}"; do
  echo "== $question" >&2
  $question
done
page
