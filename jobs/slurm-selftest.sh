#!/usr/bin/env bash
#SBATCH --job-name=detox-selftest
#SBATCH --exclusive
#SBATCH --time=00:15:00
#SBATCH --output=detox-selftest-%j.log
# Tests every node of a SLURM job: sbatch --nodes=16 jobs/slurm-selftest.sh [options of selftest, such as --minutes 5]
# Prints a table of the nodes, and those to leave out as srun and sbatch take them; ends with 86 where there are any. Build first, where there is a network:
#   dotnet publish Detox.Mpi -c Release -r linux-x64 -o publish
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-$(dirname "$0")/..}"
export TERM=dumb DOTNET_TieredPGO=0

# Each task says how its node's test has ended; a node that says nothing has crashed or is lost. None of them ends the others.
said=$(mktemp)
trap 'rm -f "$said"' EXIT
srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 --cpu-bind=none --mpi=none --kill-on-bad-exit=0 --wait=0 \
  bash -c 'code=0; dotnet publish/Detox.Mpi.dll selftest "$@" || code=$?; echo "exit code of $SLURMD_NODENAME: $code"' bash "$@" | tee "$said" || true

# Wrong options are no node's fault, and the program has said what is wrong.
if grep -q '^exit code of .*: 2$' "$said"; then exit 2; fi

exclude=()
printf '\n%-24s %s\n' host result
for host in $(scontrol show hostnames "$SLURM_JOB_NODELIST"); do
  code=$(awk -v host="$host:" '/^exit code of / && $4 == host { print $5 }' "$said")
  case $code in
    0) result="right" ;;
    86) result="to be replaced" ;;
    "") result="no answer" ;;
    *) result="exit code $code" ;;
  esac
  printf '%-24s %s\n' "$host" "$result"
  [ "$code" = 0 ] || exclude+=("$host")
done
[ ${#exclude[@]} -gt 0 ] || exit 0
printf '\n--exclude=%s\n' "$(IFS=,; echo "${exclude[*]}")"
exit 86
