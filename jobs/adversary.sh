#!/usr/bin/env bash
# A long search for rows that break a rule's promise: for each rule that is proven to stand f rows an adversary who knows every bit tries
# EVALUATIONS sets of them (10,000 without an argument). It is the test AdversaryTests with more tries, and ends with 0 where every result
# stays within what is proven; each test's output says how near it came:
#   jobs/adversary.sh [EVALUATIONS] [SEED]
# A failure prints the rows; the seed finds them again.
set -euo pipefail
cd "$(dirname "$0")/.."
source jobs/environment.sh
need_dotnet

export DETOX_ADVERSARY_EVALUATIONS=${1:-10000} DETOX_ADVERSARY_SEED=${2:-$RANDOM}
echo "$DETOX_ADVERSARY_EVALUATIONS evaluations a rule, seed $DETOX_ADVERSARY_SEED"
dotnet test Detox.Tests --configuration Release --filter FullyQualifiedName~AdversaryTests.KeepsItsPromise --logger "console;verbosity=detailed"
