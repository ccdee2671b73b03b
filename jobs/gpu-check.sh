#!/usr/bin/env bash
# Verifies and measures a GPU. It needs no SDK and no network where it runs:
#   jobs/gpu-check.sh                        on a machine with the SDK: makes the folder gpu-check/, to be carried to the GPU
#   gpu-check/gpu-check.sh [cuda|opencl]     there: the tests of bits, training on 45 ranks that share the GPU, the benchmark
# The second writes one report, gpu-check.txt, in the folder where it is called, and ends with 0 where all bits are right.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)

if [ ! -x "$here/Detox.Tests" ]; then
  set -e
  cd "$here/.."
  source jobs/environment.sh
  need_dotnet
  rm -rf gpu-check
  for project in Detox.Tests Detox.Mpi; do
    dotnet publish "$project" --configuration Release --runtime "$(dotnet_machine)" --self-contained -p:UseAppHost=true --output gpu-check --verbosity quiet
  done
  cp jobs/gpu-check.sh gpu-check/
  echo "made gpu-check/ ($(du -sm gpu-check | cut -f1) MB): carry it to the GPU and run gpu-check.sh in it"
  exit
fi

device=${1:-cuda}
report=$PWD/gpu-check.txt
export TERM=dumb DOTNET_TieredPGO=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

section() { printf '\n== %s\n' "$1"; }
check() { "$@" 2>&1 || { failed=1; echo "FAILED: $*"; }; }

{
  section "machine"
  uname -srm
  nvidia-smi 2> /dev/null || echo "no nvidia-smi here"
  check "$here/Detox.Mpi" doctor

  section "bits: every op and whole trainings against the plain loops"
  check "$here/Detox.Tests" bits "$device"

  section "bits: training in one process, CPU and $device"
  for choice in cpu "$device"; do
    check "$here/Detox.Mpi" --ranks 9 --steps 20 --device "$choice" --out "$scratch" --name "$choice" > "$scratch/$choice.log"
    grep -E 'accuracy|weights_sha256|memory' "$scratch/$choice.log"
  done
  if ! cmp <(grep weights_sha256 "$scratch/cpu.log") <(grep weights_sha256 "$scratch/$device.log"); then failed=1; echo "FAILED: the weights differ"; fi

  section "45 ranks share the GPU"
  if command -v mpiexec > /dev/null; then
    # Forty-five ranks, however few cores there are.
    if mpiexec --version 2>&1 | grep -qi 'open.mpi\|openrte'; then
      many=--oversubscribe
      if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
    fi
    check mpiexec ${many:-} -n 45 "$here/Detox.Mpi" --steps 20 --device "$device" --out "$scratch" --name shared
    nvidia-smi --query-gpu=memory.used --format=csv 2> /dev/null
  else
    echo "no mpiexec here: not run"
  fi

  section "benchmark"
  check "$here/Detox.Mpi" bench --device "$device"
  section "$([ $failed = 0 ] && echo "all bits are right" || echo "FAILED: see above")"
  exit $failed
} 2>&1 | tee "$report"
exit "${PIPESTATUS[0]}"
