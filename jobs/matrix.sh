#!/usr/bin/env bash
# Every attack over every launcher, on one node and on three, the death of every rank, and mixed devices: what jobs/test.sh runs a part of.
# Further arguments go to dotnet test.
set -euo pipefail
cd "$(dirname "$0")/.."
source jobs/environment.sh
need_dotnet
need_mpi openmpi
need_mpi mpich
need_opencl

publish
DETOX_MATRIX=full DETOX_PUBLISHED="$PWD/publish" dotnet test Detox.Tests --configuration Release --logger "console;verbosity=normal" \
  --filter "FullyQualifiedName~LaunchedAttackTests|FullyQualifiedName~ProtocolAttackTests|FullyQualifiedName~KilledRankTests|FullyQualifiedName~EveryDeviceEndsInTheSameBits|FullyQualifiedName~ModelsEqualTheCpus" "$@"
