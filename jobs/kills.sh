#!/usr/bin/env bash
# Kills all processes of KILLS runs (200 without an argument) at random moments, in one process and under both MPI families in turn, lets each go on,
# and compares all that it leaves with a run that nobody killed; stops others by every signal; then changes CHANGES bytes (2,000) of checkpoints and logs, each of which must be noticed:
#   jobs/kills.sh [KILLS] [SEED] [CHANGES]
set -euo pipefail
cd "$(dirname "$0")/.."
source jobs/environment.sh
need_dotnet
need_mpi openmpi
need_mpi mpich

publish
export DETOX_MATRIX=full DETOX_KILLS=${1:-200} DETOX_SEED=${2:-$RANDOM} DETOX_CHANGES=${3:-2000} DETOX_PUBLISHED="$PWD/publish"
echo "$DETOX_KILLS kills, seed $DETOX_SEED, $DETOX_CHANGES changes"
dotnet test Detox.Tests --configuration Release --logger "console;verbosity=normal" \
  --filter "FullyQualifiedName~SuddenEndTests|FullyQualifiedName~StopTests|FullyQualifiedName~DamagedCheckpointTests|FullyQualifiedName~VerifyTests"
