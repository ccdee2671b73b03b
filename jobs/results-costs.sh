#!/usr/bin/env bash
# Makes the files of docs/results that README.md takes its numbers from, and what README.md copies of them:
#   jobs/results-costs.sh [PART ...]
# readme      what the README's commands print: docs/results/readme
# costs       gradients in turn with PyTorch, steps, start and memory of 45 ranks: docs/results/costs. It wants a machine that does nothing else.
# complexity  lines and branches of what each method needs: docs/results/complexity
# page        writes what README.md copies: each block behind <!-- docs/results/... .md -->
# Without arguments it makes all of these. Two more are made when they are asked for:
# steps       bench --only steps, eight minutes and more: docs/results/costs/steps.json
# cifar       the README's run of ResNet-18, where DETOX_TEST_CIFAR10 names the folder of CIFAR-10, and the one on built-in images
# DETOX_ROUNDS says how often a cost is measured (3); the table has the medians.
set -euo pipefail
cd "$(dirname "$0")/.."
source jobs/environment.sh
need_dotnet
need_mpi openmpi
need_mpi mpich

root=$PWD
results=docs/results
program=publish/Detox.Mpi.dll
cores=$(nproc)
rounds=${DETOX_ROUNDS:-3}
cifar=${DETOX_TEST_CIFAR10:-}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Paths of this machine are no results, and codes for terminals are none.
without_paths() { sed -e 's/\x1b\[[0-9;?]*[a-zA-Z]//g; s/\x1b=//g' -e "s|$root/||g" -e "s|$root|.|g" -e "s|$scratch|.|g" ${cifar:+-e "s|$cifar|DIR|g"}; }

# record FILE COMMAND ...: runs commands as a reader types them, and writes each with what it prints. A code other than 0 is a last line.
record() {
  local file=$results/$1 command code
  shift
  mkdir -p "$(dirname "$file")"
  for command; do
    echo "${file#"$results"/}: $command" >&2
    code=0
    bash -c "$command" > "$scratch/output" 2>&1 || code=$?
    printf '$ %s\n' "$command"
    cat "$scratch/output"
    if [ $code != 0 ]; then echo "exit code $code"; fi
  done | without_paths > "$file.new"
  mv "$file.new" "$file"
}

# shown NAME COMMAND ...: what the README shows of docs/results/readme/NAME.txt, which the command filters, in a fence.
shown() {
  local name=$1
  shift
  { echo '```'; "$@" < "$results/readme/$name.txt" | sed 's/ *$//'; echo '```'; } > "$results/readme/$name.md"
}

# Of the rules that are compared at r = 3 and r = 1 a few.
plan_rows() { grep -vE "^(wrong: |batch's variance|left out)" | awk '!/^  (DETOX, r = 3|r = 1): / || /^  DETOX, r = 3: median / || /^  r = 1: (median|krum\(f=5\)) /'; }

end_of_run() { grep -E '^(accuracy|[0-9]+ void groups|dissenting)' | sed -E 's/^(dissenting.*: ([0-9]+ \([0-9]+\), ){4}).*; see/\1...; see/'; }

readme() {
  local plans=() model
  record readme/local.txt "jobs/local.sh"
  shown local end_of_run
  record readme/mean.txt "jobs/local.sh --group-size 1 --across mean"
  record readme/alie.txt "jobs/local.sh --attack alie"
  record readme/selftest.txt "dotnet $program selftest"
  shown selftest cat
  record readme/selftest-inject.txt "dotnet $program selftest --inject bit-flip"
  shown selftest-inject grep -v '^exit code'
  record readme/plan.txt "dotnet $program plan --ranks 45 --group-size 3 --byzantine 5 --cores 2"
  shown plan plan_rows
  record readme/plan-range.txt "dotnet $program plan --byzantine 0..3,5,8"
  shown plan-range grep -vE '^(gradients|seconds) |^advice for q = (3|5)'
  for model in lenet lenet-small mlp softmax; do plans+=("dotnet $program plan --model $model --byzantine 0"); done
  for model in resnet18 vgg13-bn; do plans+=("dotnet $program plan --model $model --data objects --byzantine 0"); done
  record readme/models.txt "${plans[@]}"
  record readme/stop.txt "mpiexec.openmpi --oversubscribe -n 9 dotnet $program --byzantine 1 --placement fixed --attack stop --steps 10"
  shown stop grep -m1 'has said nothing'
  record readme/die.txt "mpiexec.mpich -n 9 dotnet $program --byzantine 1 --placement fixed --attack die --steps 10"
  shown die grep -m1 'has died'
  record readme/garbage.txt \
    "dotnet $program --ranks 15 --group-size 5 --byzantine 2 --placement fixed --attack garbage" \
    "dotnet $program --ranks 15 --group-size 5 --byzantine 2 --placement fixed --attack none"
  record readme/aggregate.txt "printf '1,0.1\n2,0.1\n4,0.1\n100,7\n' > rows.csv" \
    "dotnet $program aggregate --rule trimmed-mean --f 1 --input rows.csv" \
    "dotnet $program aggregate --rule krum --f 1 --pre nnm --input rows.csv --output krum.npy" \
    "dotnet $program attack --attack \"ipm(tau=0.5)\" --input rows.csv"
  rm -f rows.csv krum.npy
}

# version NAME COMMAND ...: a line of machine.txt, of the first version number that the command prints.
version() { printf '%s %s\n' "$1" "$("${@:2}" 2>&1 | grep -oE '[0-9]+\.[0-9]+[0-9.]*' | head -1)"; }

machine() {
  local file=$results/costs/machine.txt vectors=SSE
  grep -qw avx2 /proc/cpuinfo && vectors=AVX2
  grep -qw avx512vl /proc/cpuinfo && vectors=AVX-512
  echo "$cores" > "$results/costs/cores.txt"
  {
    echo "processor $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
    echo "family $(sed -n 's/^cpu family[^:]*: //p' /proc/cpuinfo | head -1), model $(sed -n 's/^model[^:a-z]*: //p' /proc/cpuinfo | head -1)"
    echo "vectors $vectors"
    echo "cores $cores"
    echo "memory $(awk '/MemTotal/ { printf "%.1f", $2 / 1e6 }' /proc/meminfo) GB"
    version .NET dotnet --list-runtimes
    version "Open MPI" "$(find_mpiexec openmpi)" --version
    version MPICH "$(find_mpiexec mpich)" --version
    version PyTorch dpkg-query -W python3-torch
    version OpenBLAS dpkg-query -W libopenblas0-pthread
  } > "$file"
  value() { sed -n "s/^$1 //p" "$file"; }
  echo "$cores cores of $(value processor) ($vectors), medians of $rounds rounds in turn; .NET $(value .NET), Open MPI $(value 'Open MPI'), MPICH $(value MPICH), PyTorch $(value PyTorch) on OpenBLAS $(value OpenBLAS):" \
    > "$results/costs/machine.md"
}

# run CASE COMMAND ...: a line of runs.csv. The run is one of 60 steps that neither evaluates nor saves.
run() {
  local case=$1
  shift
  rm -rf "$scratch/run"
  "$@" --steps 60 --evaluate-every 0 --checkpoint-every 0 --out "$scratch" --name run > "$scratch/output" 2>&1 || { cat "$scratch/output" >&2; fail "the run '$case' failed"; }
  value() { sed -n "s/^  \"$1\": \([0-9.]*\),*$/\1/p" "$scratch/run/result.json"; }
  echo "\"$case\",$round,$(value median_step_seconds),$(value seconds_to_first_step),$(value peak_bytes_of_a_rank)" >> "$results/costs/runs.csv"
}

costs() {
  local round ranks openmpi mpich
  need_torch
  openmpi=("$(find_mpiexec openmpi)" --hostfile hostfile.example -n 45 dotnet $program)
  mpich=("$(find_mpiexec mpich)" -n 45 dotnet $program)
  mkdir -p "$results/costs"
  machine
  rm -f "$results"/costs/gradients-*.json "$results"/costs/torch-*.csv
  echo "case,round,median_step_seconds,seconds_to_first_step,peak_bytes_of_a_rank" > "$results/costs/runs.csv"
  echo "round,seconds" > "$results/costs/plan.csv"
  for round in $(seq "$rounds"); do
    echo "costs: round $round of $rounds" >&2
    dotnet $program bench --json --only gradient > "$results/costs/gradients-$round.json"
    /usr/bin/python3 jobs/torch-gradient.py > "$results/costs/torch-$round.csv"
    run openmpi "${openmpi[@]}"
    run mpich "${mpich[@]}"
    run majority "${openmpi[@]}" --wait majority
    run "majority, no attack" "${openmpi[@]}" --wait majority --byzantine 0 --attack none
    run "one process" dotnet $program --ranks 45
    local TIMEFORMAT=%R
    echo "$round,$({ time dotnet $program plan --ranks 99999 --byzantine 1000 > /dev/null; } 2>&1)" >> "$results/costs/plan.csv"
  done

  # The most that each rank ever had in memory, as the kernel tells its parent.
  echo "ranks,rank,peak_bytes" > "$results/costs/memory.csv"
  for ranks in 3 9; do
    "$(find_mpiexec openmpi)" --oversubscribe -n $ranks /usr/bin/python3 -c '
import os, resource, subprocess, sys
code = subprocess.call(sys.argv[3:], stdout=subprocess.DEVNULL)
with open(sys.argv[1], "a") as file:
    file.write("%s,%s,%d\n" % (sys.argv[2], os.environ["OMPI_COMM_WORLD_RANK"], 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)' "$root/$results/costs/memory.csv" $ranks dotnet $program --model resnet18 --data objects --byzantine 0 --attack none \
      --steps 3 --evaluate-every 0 --checkpoint-every 0 --out "$scratch" --name "memory-$ranks"
  done
  /usr/bin/python3 jobs/costs-table.py "$results/costs"
}

steps() {
  mkdir -p "$results/costs"
  dotnet $program bench --json --only steps > "$results/costs/steps.json"
}

cifar() {
  local settings="--model resnet18 --ranks 1 --group-size 1 --byzantine 0 --batch 64 --schedule cosine --warm-up 50 --weight-decay 5e-4 --weight-decay-on weights"
  if [ -z "$cifar" ]; then echo "cifar: left out, since DETOX_TEST_CIFAR10 names no folder" >&2
  else record images/cifar.txt "dotnet $program $settings --data $cifar --steps 900 --learning-rate 0.05"; fi
  record images/objects.txt "dotnet $program $settings --data objects --steps 560 --learning-rate 0.03"
}

complexity() {
  dotnet build Detox.Tests --configuration Release --verbosity quiet --nologo
  dotnet exec Detox.Tests/bin/Release/net10.0/Detox.Tests.dll complexity "$results/complexity"
}

page() {
  awk '
    skips == "next" { skips = /^```/ ? "fence" : "block"; next }
    skips == "fence" { if (/^```$/) skips = ""; next }
    skips == "block" && !/^$/ { next }
    { skips = ""; print }
    /^<!-- docs\/results\/[^ ]*\.md -->$/ {
      if ((getline line < $2) > 0) {
        do print line; while ((getline line < $2) > 0)
        close($2)
        skips = "next"
      }
    }' README.md > "$scratch/README.md"
  cp "$scratch/README.md" README.md
}

parts=("$@")
if [ $# = 0 ]; then parts=(readme costs complexity page); fi
for part in "${parts[@]}"; do
  case $part in
    readme | costs | steps | cifar | complexity | page) ;;
    *) fail "there is no part '$part'; there are readme, costs, steps, cifar, complexity, page" ;;
  esac
done
publish
for part in "${parts[@]}"; do "$part"; done
