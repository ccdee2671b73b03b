# What the SLURM scripts share: source it from the repository's root.
source jobs/environment.sh

# train_until_done MPI [options of train]: trains on the job's tasks, and goes on where an earlier start of the same job has stopped.
# Before walltime SLURM signals the batch shell (#SBATCH --signal=B:...), and the shell srun, which forwards USR1 to every rank; a job that is
# preempted or requeued has TERM sent to every rank by SLURM itself. Either way the step ends, a checkpoint is written, and the job goes back
# to the queue. It ends for good with the end of training, and with a failure that another start does not mend.
train_until_done() {
  local run="runs/slurm-$SLURM_JOB_ID" step code signalled=1
  rm -f "$run/resume-me"
  srun --mpi="$1" --kill-on-bad-exit=1 dotnet publish/Detox.Mpi.dll train --resume auto --out runs --name "slurm-$SLURM_JOB_ID" "${@:2}" &
  step=$!
  trap 'signalled=1; kill -USR1 $step' USR1

  # A signal ends bash's wait as well.
  while [ $signalled = 1 ]; do signalled=0 code=0; wait $step || code=$?; done

  # The exit code may not tell: the first rank that ends with 85 makes srun kill those that have not quite ended.
  if [ -e "$run/resume-me" ]; then exec scontrol requeue "$SLURM_JOB_ID"; fi
  exit $code
}
