# What the SLURM scripts for training and for sweeps share: source it from the repository's root.
source jobs/environment.sh

# await_step COMMAND ...: runs a step, and leaves its exit code in code. USR1, which SLURM sends to the batch shell, goes on to the step.
await_step() {
  local signalled=1 step
  code=0
  "$@" &
  step=$!
  trap 'signalled=1; kill -USR1 $step || true' USR1

  # A signal ends bash's wait as well.
  while [ $signalled = 1 ]; do signalled=0 code=0; wait $step || code=$?; done
}

# train_until_done MPI [options of train]: trains on the job's tasks, from where an earlier start of the same job has stopped, in the folder
# runs/slurm-JOB, or below DETOX_OUT. Ends for good with the end of training, and with a failure that another start does not mend.
#
# Ahead of walltime SLURM signals the batch shell alone (#SBATCH --signal=B:...). srun forwards USR1 to every rank, with either MPI: no launcher
# of theirs is in between. The TERM of preemption, of scontrol requeue and of scancel goes to every rank by SLURM itself. Either way the step
# ends, and the run is saved. After scancel and preemption this shell is gone as well, and SLURM alone decides whether the job starts again.
train_until_done() {
  local out=${DETOX_OUT:-runs} name=slurm-$SLURM_JOB_ID code
  rm -f "$out/$name/resume-me"
  await_step srun --mpi="$1" --kill-on-bad-exit=1 dotnet publish/Detox.Mpi.dll train --resume auto --out "$out" --name "$name" "${@:2}"

  # The exit code need not tell: the first rank that ends with 85 makes srun kill those that have not quite ended.
  if [ -e "$out/$name/resume-me" ]; then exec scontrol requeue "$SLURM_JOB_ID"; fi

  # srun of SLURM 22.05 ends with 0 where a node could not launch its tasks.
  [ $code != 0 ] || [ -e "$out/$name/result.json" ] || fail "srun ended with 0, but there is no $out/$name/result.json: see above what it says."
  exit $code
}

# sweep_until_done [arguments of sweep]: trains the cells of this job, or of this task of an array, from where an earlier start of it has stopped. Its one
# task's exit code is srun's. What is left undone by a start that was killed begins anew from the cells' checkpoints.
sweep_until_done() {
  local code
  await_step srun --mpi=none --ntasks=1 ${SLURM_CPUS_PER_TASK:+--cpus-per-task="$SLURM_CPUS_PER_TASK"} dotnet publish/Detox.Mpi.dll sweep "$@"

  # An array's own number would put back all of its tasks.
  if [ $code = 85 ]; then exec scontrol requeue "${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_}${SLURM_ARRAY_TASK_ID:-$SLURM_JOB_ID}"; fi
  exit $code
}
