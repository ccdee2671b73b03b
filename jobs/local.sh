#!/usr/bin/env bash
# Trains LeNet on 45 local ranks, five of them Byzantine: installs what the machine lacks, builds, runs.
# Further arguments go to the program: jobs/local.sh --group-size 1 --across mean
set -euo pipefail
cd "$(dirname "$0")/.."
source jobs/environment.sh
need_dotnet
need_mpi openmpi

publish
mpiexec_openmpi --hostfile hostfile.example -n 45 dotnet publish/Detox.Mpi.dll "$@"
