#!/usr/bin/env bash
#SBATCH --job-name=detox-sweep
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --output=detox-sweep-%j.log
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
# Trains the cells of a grid, shared out among the tasks of an array; ahead of walltime a task saves what it runs, goes back to the queue, and goes on from there:
#   sbatch --array=0-7 jobs/slurm-sweep.sh grid.toml --out DIR
# Build first, where there is a network:
#   dotnet publish Detox.Mpi -c Release -r linux-x64 -o publish
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-$(dirname "$0")/..}"
source jobs/slurm-common.sh

sweep_until_done "$@"
