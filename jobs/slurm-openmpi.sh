#!/usr/bin/env bash
#SBATCH --job-name=detox
#SBATCH --ntasks=45
#SBATCH --time=01:00:00
#SBATCH --output=detox-%j.log
# Trains on the ranks of a SLURM job over Open MPI: sbatch jobs/slurm-openmpi.sh [options of train]
# SLURM must have been built with PMIx (srun --mpi=list shows pmix). Build first, where there is a network:
#   dotnet publish Detox.Mpi -c Release -r linux-x64 -o publish
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-$(dirname "$0")/..}"
export TERM=dumb DOTNET_TieredPGO=0
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi

srun --mpi=pmix --kill-on-bad-exit=1 dotnet publish/Detox.Mpi.dll train --name "slurm-$SLURM_JOB_ID" "$@"
