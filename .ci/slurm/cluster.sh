#!/usr/bin/env bash
# A Slurm of one node in a folder of its own, with more cores, memory and GPUs than there are.
#
# Usage: cluster.sh up FOLDER     start it; then SLURM_CONF=FOLDER/slurm.conf is what its commands need
#        cluster.sh down FOLDER   end it
#
# Needs root, and Slurm and Munge as Debian and Ubuntu package them (slurm-wlm, munge).
set -euo pipefail
if [[ $# -ne 2 || ! $1 =~ ^(up|down)$ ]]; then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2
  exit 2
fi

DO=$1
mkdir -p "$2"
FOLDER=$(cd "$2" && pwd)
export SLURM_CONF=$FOLDER/slurm.conf
NODE=$(hostname -s)
PORT=${SLURM_PORT:-26817}

# What the node claims to have: nothing of it is enforced.
CORES=64 MEMORY=4000000 GPUS=16

configure() {
  mkdir -p "$FOLDER"/{state,spool,log}
  dd if=/dev/urandom of="$FOLDER/munge.key" bs=1024 count=1 status=none
  chmod 600 "$FOLDER/munge.key"
  cat >"$SLURM_CONF" <<CONF
ClusterName=one
SlurmctldHost=$NODE(127.0.0.1)
SlurmctldPort=$PORT
SlurmdPort=$((PORT + 1))
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$FOLDER/munge.socket
CredType=cred/munge
StateSaveLocation=$FOLDER/state
SlurmdSpoolDir=$FOLDER/spool
SlurmctldPidFile=$FOLDER/slurmctld.pid
SlurmdPidFile=$FOLDER/slurmd.pid
SlurmctldLogFile=$FOLDER/log/slurmctld.log
SlurmdLogFile=$FOLDER/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
KillWait=10
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=bf_interval=1,bf_resolution=1,sched_min_interval=1000000
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=$NODE NodeAddr=127.0.0.1 CPUs=$CORES RealMemory=$MEMORY Gres=gpu:$GPUS State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
  # Devices that are there, so that each step gets the numbers of its own.
  for ((number = 0; number < GPUS; number++)); do
    echo "NodeName=$NODE Name=gpu File=/dev/tty$number"
  done >"$FOLDER/gres.conf"
}

up() {
  configure
  # Its folder may be below one that others can write to, as /tmp is.
  munged --force --key-file="$FOLDER/munge.key" --socket="$FOLDER/munge.socket" \
    --pid-file="$FOLDER/munged.pid" --log-file="$FOLDER/log/munged.log" --seed-file="$FOLDER/munge.seed"
  slurmctld -c -f "$SLURM_CONF"
  slurmd -f "$SLURM_CONF"
  for ((tries = 0; tries < 300; tries++)); do
    if [[ $(sinfo --noheader --format=%t 2>/dev/null) == idle ]]; then
      echo "SLURM_CONF=$SLURM_CONF"
      return
    fi
    sleep 0.2
  done
  tail -n 20 "$FOLDER"/log/*.log >&2
  exit 1
}

# End only what was started here.
down() {
  for daemon in slurmd slurmctld munged; do
    file=$FOLDER/$daemon.pid
    if [[ -s $file ]]; then
      kill "$(cat "$file")" 2>/dev/null || true
      for ((tries = 0; tries < 100; tries++)); do
        kill -0 "$(cat "$file" 2>/dev/null || echo 0)" 2>/dev/null || break
        [[ -s $file ]] || break
        sleep 0.1
      done
    fi
  done
}

"$DO"
