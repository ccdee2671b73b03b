#!/usr/bin/env bash
# Mutation score: changes one operator, constant or statement after another, and asks the fast tests whether they notice.
#   jobs/mutation.sh                                    # what decides: votes, rules, groups, attacks, the step; takes hours
#   jobs/mutation.sh Detox.Gpu/Digests/Vote.cs ...      # these files or folders only
# Works in a copy of the tree. Prints the score of each folder and every change that no test noticed, as file:line: change;
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

# The tests that speak of a folder's files: each change runs them until one fails. Stryker's coverage costs a process for each of
# them, or finds nothing: it is off. Two tests of whole runs, which take minutes, are left out.
tests_of() {
  case $1 in
    Detox.Gpu/Aggregation) echo Aggregation.RuleTests BucketTests ParseTests TableTests ;;
    Detox.Gpu/Digests) echo Tests.Digests ;;
    Detox.Mpi/Attacks) echo Tests.Attacks TableTests ;;
    Detox.Mpi/Groups) echo Tests.Groups TableTests ;;
    Detox.Gpu/*) echo Tests.Aggregation Tests.Digests PinnedBitsTests ;;
    Detox.Mpi/*) echo Tests.Groups Tests.Training Tests.Reports ;;
  esac
}

# What is not to be changed must not be instrumented either: a kernel would run many times slower.
mutated=$(find "$@" -name '*.cs' | sed 's|//*|/|g' | sort)
find Detox.Gpu Detox.Mpi -name '*.cs' | xargs sed -i '1i // Stryker disable all'

for folder in $(xargs dirname <<< "$mutated" | sort -u); do
  project=${folder%%/*}
  files=$(grep "^$folder/[^/]*$" <<< "$mutated")
  sed -i 1d $files
  tests=$(tests_of "$folder" | sed 's/ /|FullyQualifiedName~/g')
  cat > Detox.Tests/stryker-config.json << JSON
{ "stryker-config": { "coverage-analysis": "off", "additional-timeout": 2000, "test-case-filter": "Category!=Ranks&FullyQualifiedName!~AnyMessageTests&FullyQualifiedName!~ProtocolAttackTests&(FullyQualifiedName~$tests)" } }
JSON
  (cd Detox.Tests && dotnet stryker --project $project.csproj --configuration Release --concurrency 1 --skip-version-check \
    --reporter Json --reporter Html --output "$reports/$folder") > "$copy/log" 2>&1 || { cat "$copy/log" >&2; exit 1; }
  sed -i '1i // Stryker disable all' $files
  python3 - "$reports/$folder/reports/mutation-report.json" "$copy" "$folder" << 'PYTHON'
import json, sys
report, root, folder = sys.argv[1:]
killed = survived = 0
for path, file in json.load(open(report))["files"].items():
    for mutant in file["mutants"]:
        killed += mutant["status"] in ("Killed", "Timeout")
        if mutant["status"] in ("Survived", "NoCoverage"):
            survived += 1
            change = " ".join(mutant.get("replacement", "").split())
            print(f"{path.removeprefix(root + '/')}:{mutant['location']['start']['line']}: {mutant['mutatorName']}: {change}")
whole = killed + survived
print(f"{folder}: {killed} of {whole} changes noticed, {100 * killed / max(1, whole):.1f} %")
PYTHON
done
