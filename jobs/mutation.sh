#!/usr/bin/env bash
# Mutation score: changes one operator, constant or statement after another, and asks the fast tests whether they notice.
#   jobs/mutation.sh                                    # what decides: votes, rules, groups, attacks, the step; takes hours
#   jobs/mutation.sh Detox.Gpu/Digests/Vote.cs ...      # these files or folders only
# Works in a copy of the tree. Prints the score of each project and every change that no test noticed, as file:line: change;
# the reports, for each file and change, stay in TestResults/mutation. Needs python3.
set -euo pipefail
cd "$(dirname "$0")/.."
source jobs/environment.sh
need_dotnet
command -v python3 > /dev/null || fail "python3 is missing: it reads the report (apt-get install python3)."

[ $# -gt 0 ] || set -- Detox.Gpu/Aggregation Detox.Gpu/Digests Detox.Mpi/Training Detox.Mpi/Groups Detox.Mpi/Attacks
for path in "$@"; do [ -e "$path" ] || fail "$path: there is no such file or folder."; done

reports="$PWD/TestResults/mutation"
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --target-directory "$copy"
cd "$copy"
dotnet tool restore > /dev/null

# What is not to be changed must not be instrumented either: a kernel would run many times slower.
mutated=$(find "$@" -name '*.cs' | sed 's|//*|/|g' | sort)
find Detox.Gpu Detox.Mpi -name '*.cs' | sort | comm -23 - <(echo "$mutated") | xargs sed -i '1i // Stryker disable all'

# The tests whose one run takes seconds. Stryker's coverage costs a process for each of them, or finds nothing: it is off.
tests_of() {
  case $1 in
    Detox.Gpu) echo "FullyQualifiedName~Detox.Tests.Aggregation|FullyQualifiedName~Detox.Tests.Digests|FullyQualifiedName~PinnedBitsTests" ;;
    Detox.Mpi) echo "Category!=Ranks&(FullyQualifiedName~Detox.Tests.Groups|FullyQualifiedName~Detox.Tests.Training|FullyQualifiedName~Detox.Tests.Reports)" ;;
  esac
}

cd Detox.Tests
for project in Detox.Gpu Detox.Mpi; do
  grep -q "^$project/" <<< "$mutated" || continue
  cat > stryker-config.json << JSON
{ "stryker-config": { "coverage-analysis": "off", "test-case-filter": "$(tests_of $project)" } }
JSON
  dotnet stryker --project $project.csproj --configuration Release --concurrency 1 --skip-version-check \
    --reporter Json --reporter Html --output "$reports/$project" > "$copy/log" 2>&1 || { cat "$copy/log" >&2; exit 1; }
  python3 - "$reports/$project/reports/mutation-report.json" "$copy" $project << 'PYTHON'
import json, sys
report, root, project = sys.argv[1:]
killed = survived = 0
for path, file in json.load(open(report))["files"].items():
    for mutant in file["mutants"]:
        killed += mutant["status"] in ("Killed", "Timeout")
        if mutant["status"] in ("Survived", "NoCoverage"):
            survived += 1
            change = " ".join(mutant.get("replacement", "").split())
            print(f"{path.removeprefix(root + '/')}:{mutant['location']['start']['line']}: {mutant['mutatorName']}: {change}")
whole = killed + survived
print(f"{project}: {killed} of {whole} changes noticed, {100 * killed / max(1, whole):.1f} %")
PYTHON
done
