#!/usr/bin/env bash
# Kills a sweep of CELLS tiny cells (200 without an argument, an even number) at KILLS random moments (20), lets it go on each time, and compares its table,
# byte for byte, with that of a sweep that nobody killed; no finished cell may be computed twice:
#   jobs/sweep-kills.sh [CELLS] [KILLS] [SEED]
set -euo pipefail
cd "$(dirname "$0")/.."
source jobs/environment.sh
need_dotnet

publish
export DETOX_SWEEP_CELLS=${1:-200} DETOX_SWEEP_KILLS=${2:-20} DETOX_SEED=${3:-$RANDOM} DETOX_PUBLISHED="$PWD/publish"
echo "$DETOX_SWEEP_CELLS cells, $DETOX_SWEEP_KILLS kills, seed $DETOX_SEED"
dotnet test Detox.Tests --configuration Release --logger "console;verbosity=normal" --filter "FullyQualifiedName~SweepKillTests"
