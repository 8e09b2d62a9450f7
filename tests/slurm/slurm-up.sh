#!/usr/bin/env bash
# slurm-up.sh FOLDER: start a real SLURM on this host alone, its configuration, state and logs below FOLDER. Needs root.
# A second call starts what has stopped since. slurm-down.sh FOLDER ends it.
#
# Nodes cpu1, cpu2 (partition cpu, the default) and gpu1 (partition gpu, two pretended GPUs), each with 4 CPUs and 8 GB that
# need not exist. No accounting database: the state of jobs comes from squeue.
set -euo pipefail
umask 022

STATE=$(realpath -m "$1")
PORT=${SLURM_PORT:-17000} # this one and the next three
NODES=(cpu1 cpu2 gpu1)
HOST=$(hostname -s)

fail() {
  echo "slurm-up: $*" >&2
  tail -n 15 "$STATE"/log/*.log >&2 2>/dev/null || true
  exit 1
}

# A daemon is ours when the process of its pid file runs that program.
running() { [[ $(readlink "/proc/$(cat "$STATE/run/$1.pid" 2>/dev/null)/exe" 2>/dev/null) == */"$2"* ]]; }

wait_for() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || fail "$what"
    sleep 0.1
  done
}

# Daemons and srun listen on the address of the host's name only, so it must have one. Debian's 127.0.1.1 is none of those:
# job steps call srun back on 127.0.0.1.
ADDRESS=$(getent ahostsv4 "$HOST" | awk 'NR == 1 { print $1 }' || true)
if [ -z "$ADDRESS" ]; then
  ADDRESS=127.0.0.1
  echo "$ADDRESS $HOST" >>/etc/hosts
fi
LISTEN="CommunicationParameters=NoCtldInAddrAny,NoInAddrAny"
[[ $ADDRESS != 127.* || $ADDRESS == 127.0.0.1 ]] || LISTEN=

mkdir -p "$STATE"/{etc,log,run,dev,munge,spool/ctld} "${NODES[@]/#/$STATE/spool/slurmd.}"
# What SLURM hands out as GPUs must be character devices.
ln -sfn /dev/null "$STATE/dev/nvidia0"
ln -sfn /dev/zero "$STATE/dev/nvidia1"
[ -s "$STATE/munge/munge.key" ] || (umask 077 && head -c 1024 /dev/urandom >"$STATE/munge/munge.key")

cat >"$STATE/etc/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$HOST($ADDRESS)
SlurmctldPort=$PORT
SlurmUser=root
SlurmdUser=root
$LISTEN
AuthType=auth/munge
CredType=cred/munge
# A job that is put back into the queue waits for its old credential to expire.
AuthInfo=socket=$STATE/munge/munge.socket,cred_expire=5
StateSaveLocation=$STATE/spool/ctld
SlurmdSpoolDir=$STATE/spool/slurmd.%n
SlurmctldPidFile=$STATE/run/slurmctld.pid
SlurmdPidFile=$STATE/run/slurmd.%n.pid
SlurmctldLogFile=$STATE/log/slurmctld.log
SlurmdLogFile=$STATE/log/slurmd.%n.log
AccountingStorageType=accounting_storage/none
# No cgroups, no affinity: works in any container.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobContainerType=job_container/none
MpiDefault=none
PropagateResourceLimits=NONE
SlurmdParameters=config_overrides
# Memory limits without cgroups: once a second, what is over its request is killed.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
GresTypes=gpu
SchedulerParameters=batch_sched_delay=0,sched_interval=5,bf_interval=5
PriorityType=priority/basic
# Finished jobs stay visible to squeue for this long.
MinJobAge=3600
ReturnToService=2
CONF
: >"$STATE/etc/gres.conf"
for number in "${!NODES[@]}"; do
  node=${NODES[$number]} gres=
  if [[ $node == gpu* ]]; then
    gres="Gres=gpu:fake:2"
    echo "NodeName=$node Name=gpu Type=fake File=$STATE/dev/nvidia[0-1]" >>"$STATE/etc/gres.conf"
  fi
  echo "NodeName=$node NodeHostname=$HOST NodeAddr=$ADDRESS Port=$((PORT + 1 + number)) CPUs=4 RealMemory=8000 $gres" \
    >>"$STATE/etc/slurm.conf"
done
cat >>"$STATE/etc/slurm.conf" <<CONF
PartitionName=cpu Nodes=cpu[1-2] Default=YES MaxTime=60 DefaultTime=10
PartitionName=gpu Nodes=gpu1 MaxTime=60 DefaultTime=10
CONF
echo "CgroupPlugin=cgroup/v1" >"$STATE/etc/cgroup.conf" # asked for, never used

# Snakemake's job steps run without SLURM_CONF: the configuration has to be found in its usual place, too.
export SLURM_CONF=$STATE/etc/slurm.conf
mkdir -p /etc/slurm
[ ! -e /etc/slurm/slurm.conf ] || [ "$(readlink /etc/slurm/slurm.conf)" = "$SLURM_CONF" ] ||
  fail "/etc/slurm/slurm.conf is there already: this host belongs to another cluster"
ln -sfn "$SLURM_CONF" /etc/slurm/slurm.conf

running munged munged ||
  munged --force --key-file="$STATE/munge/munge.key" --socket="$STATE/munge/munge.socket" --seed-file="$STATE/munge/munge.seed" \
    --pid-file="$STATE/run/munged.pid" --log-file="$STATE/log/munged.log" || fail "munged does not start"
wait_for 10 "munged does not answer" munge --socket="$STATE/munge/munge.socket" --no-input
running slurmctld slurmctld || slurmctld || fail "slurmctld does not start"
wait_for 20 "slurmctld does not answer" scontrol ping
for node in "${NODES[@]}"; do
  running "slurmd.$node" slurmd || slurmd -N "$node" || fail "slurmd of $node does not start"
done
idle() { [ "$(sinfo --noheader --Node --format='%N %t' | sort -u | grep -Ec ' (idle|mix|alloc)$')" = ${#NODES[@]} ]; }
wait_for 30 "the nodes do not become idle" idle
