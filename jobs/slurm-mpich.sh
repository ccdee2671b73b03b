#!/usr/bin/env bash
#SBATCH --job-name=detox
#SBATCH --ntasks=45
#SBATCH --time=01:00:00
#SBATCH --output=detox-%j.log
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
# Trains on the ranks of a SLURM job over the MPICH family (MPICH, Intel MPI, MVAPICH, Cray); ahead of walltime it saves the run, goes back
# to the queue, and goes on from there:
#   sbatch jobs/slurm-mpich.sh [options of train]
# Build first, where there is a network:
#   dotnet publish Detox.Mpi -c Release -r linux-x64 -o publish
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-$(dirname "$0")/..}"
source jobs/slurm-common.sh

train_until_done pmi2 "$@"
