#!/usr/bin/env bash
# A long campaign of random misconduct: ROUNDS steps (10,000 without an argument) on the in-process communicator, in runs of 25 steps whose
# attackers send whatever is drawn. It is the test AnyMessageTests with more cases, and ends with 0 where every run kept its promise:
#   jobs/campaign.sh [ROUNDS] [SEED]
# A failure prints its case, then the smallest that was found: DETOX_CAMPAIGN_CASE=... jobs/campaign.sh runs one again.
set -euo pipefail
cd "$(dirname "$0")/.."
source jobs/environment.sh
need_dotnet

export DETOX_CAMPAIGN_ROUNDS=${1:-10000} DETOX_CAMPAIGN_SEED=${2:-$RANDOM}
echo "$DETOX_CAMPAIGN_ROUNDS rounds, seed $DETOX_CAMPAIGN_SEED"
dotnet test Detox.Tests --configuration Release --filter Name=NothingThatAttackersSendBreaksThePromise --logger "console;verbosity=normal"
