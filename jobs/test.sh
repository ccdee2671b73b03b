#!/usr/bin/env bash
# Runs all tests in Release: installs what the machine lacks (both MPI families, SLURM, iproute2, numpy, Chromium), builds, tests.
# Real images are used where DETOX_TEST_MNIST and DETOX_TEST_CIFAR10 name their folders.
# The last line gives the counts.
set -euo pipefail
cd "$(dirname "$0")/.."
source jobs/environment.sh
need_dotnet
need_mpi openmpi
need_mpi mpich
need_slurm
need_opencl
need_hosts
need_numpy
need_browser

publish
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
status=0
DETOX_PUBLISHED="$PWD/publish" dotnet test Detox.sln --configuration Release \
  --logger "trx;LogFilePrefix=detox" --results-directory "$results" "$@" || status=$?

# Every run leaves a .trx file with its counters: the last line is their sum.
awk '
  /<Counters / {
    match($0, /passed="[0-9]+"/);      passed  += substr($0, RSTART + 8, RLENGTH - 9)
    match($0, /failed="[0-9]+"/);      failed  += substr($0, RSTART + 8, RLENGTH - 9)
    match($0, /total="[0-9]+"/);       total   += substr($0, RSTART + 7, RLENGTH - 8)
  }
  END {
    skipped = total - passed - failed
    if (skipped > 0) printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
    else printf "%d passed, %d failed\n", passed, failed
    exit total == 0
  }' "$results"/*.trx
exit "$status"
