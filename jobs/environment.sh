# What the scripts of this folder share: source it from the repository's root.

# One job, many processes: no escape codes in logs, a small thread pool, no time spent on re-optimising.
export TERM="${TERM:-dumb}" DOTNET_TieredPGO=0 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

# Open MPI refuses to run as root unless told twice.
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi

fail() { echo "$1" >&2; exit 3; }

need_dotnet() {
  command -v dotnet > /dev/null && dotnet --list-sdks | grep -q '^10\.' ||
    fail "The .NET 10 SDK is missing: install it from https://dotnet.microsoft.com/download or your distribution (dotnet-sdk-10.0)."
}

# need_mpi openmpi|mpich: installs Debian's package where mpiexec of that family is missing and we may.
need_mpi() {
  local family=$1 package
  case $family in openmpi) package=openmpi-bin ;; mpich) package=mpich ;; esac
  find_mpiexec "$family" > /dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "installing $package ..." >&2
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" > /dev/null
  fi
  find_mpiexec "$family" > /dev/null ||
    fail "mpiexec of $family is missing: install $package (apt-get install $package), or load your cluster's module."
}

# OpenCL on the CPU runs the kernels of GPUs: installed where it is missing and we may; tests say so where they go without.
need_opencl() {
  ls /etc/OpenCL/vendors/*.icd > /dev/null 2>&1 && return
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "installing pocl-opencl-icd ..." >&2
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq pocl-opencl-icd > /dev/null
  fi
}

# Hosts on one machine, of network namespaces and slow links: tests say so where they go without.
need_hosts() {
  command -v ip > /dev/null && command -v tc > /dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "installing iproute2 ..." >&2
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq iproute2 > /dev/null
  fi
}

# Python with numpy reads what is written for other programs.
need_numpy() {
  for python in python3 /usr/bin/python3; do "$python" -c "import numpy" 2> /dev/null && return; done
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "installing python3-numpy ..." >&2
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-numpy > /dev/null
  fi
}

# PyTorch on a BLAS that is worth comparing with.
need_torch() {
  has_torch() { /usr/bin/python3 -c "import torch" 2> /dev/null && ls /usr/lib/*/openblas-pthread/libopenblas* > /dev/null 2>&1; }
  has_torch && return
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "installing python3-torch, python3-numpy, libopenblas0-pthread ..." >&2
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-torch python3-numpy libopenblas0-pthread > /dev/null
  fi
  has_torch || fail "PyTorch or OpenBLAS is missing: install python3-torch, python3-numpy and libopenblas0-pthread."
}

# SLURM's daemons and commands, and what srun --mpi=pmix looks for: tests start a cluster of their own, and say so where they go without.
need_slurm() {
  command -v slurmctld slurmd sbatch munged > /dev/null && ldconfig -p | grep 'libpmix\.so ' > /dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "installing slurmctld, slurmd, slurm-client, munge, libpmix-dev ..." >&2
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq slurmctld slurmd slurm-client munge libpmix-dev > /dev/null

    # Debian may have started it as a service.
    service munge stop > /dev/null 2>&1 || true
  fi
}

# A browser, its driver, and a font, for the pages and pictures of reports: tests say so where they go without.
need_browser() {
  command -v chromium > /dev/null && command -v chromedriver > /dev/null && [ -n "$(find /usr/share/fonts -name '*.ttf' -print -quit 2> /dev/null)" ] && return
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "installing chromium, chromium-driver, fonts-dejavu-core ..." >&2
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver fonts-dejavu-core > /dev/null
  fi
}

# Prints the launcher of a family: Debian names them apart, elsewhere mpiexec says which it is.
find_mpiexec() {
  command -v "mpiexec.$1" && return
  case $1 in
    openmpi) command -v mpiexec > /dev/null && mpiexec --version 2>&1 | grep -qi 'open.mpi\|openrte' && command -v mpiexec ;;
    mpich) command -v mpiexec > /dev/null && mpiexec --version 2>&1 | grep -qi 'hydra' && command -v mpiexec ;;
  esac
}

mpiexec_openmpi() { "$(find_mpiexec openmpi)" "$@"; }

# What .NET calls this machine.
dotnet_machine() {
  case $(uname -m) in x86_64) echo linux-x64 ;; aarch64) echo linux-arm64 ;; *) fail "no .NET for $(uname -m)" ;; esac
}

# Builds the program into publish/, compiled ahead of time so that forty-five ranks start quickly. Where it is to run on other processors than this
# machine's, DETOX_INSTRUCTION_SET says what they all have: x86-64-v3 (AVX2, FMA) or x86-64-v4 (AVX-512).
publish() {
  dotnet publish Detox.Mpi --configuration Release --runtime "$(dotnet_machine)" --output publish --verbosity quiet \
    ${DETOX_INSTRUCTION_SET:+-p:InstructionSet="$DETOX_INSTRUCTION_SET"}
}
