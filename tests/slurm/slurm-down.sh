#!/usr/bin/env bash
# slurm-down.sh FOLDER: cancel all jobs of the SLURM that slurm-up.sh FOLDER started, and stop exactly its daemons.
set -uo pipefail

STATE=$(realpath -m "$1")
export SLURM_CONF=$STATE/etc/slurm.conf

program_of() { readlink "/proc/$1/exe" 2>/dev/null; }

stop() {
  local pid
  pid=$(cat "$STATE/run/$1.pid" 2>/dev/null) || return 0
  if [[ $(program_of "$pid") == */"$2"* ]]; then
    kill -TERM "$pid"
    # A process that has ended, though nobody has collected it yet, has no program.
    for _ in $(seq 200); do
      [ -n "$(program_of "$pid")" ] || break
      sleep 0.05
    done
    [ -z "$(program_of "$pid")" ] || kill -KILL "$pid"
  fi
  rm -f "$STATE/run/$1.pid"
}

# Jobs first: they end under their slurmd.
jobs=$(timeout 10 squeue --noheader --format=%A 2>/dev/null)
if [ -n "$jobs" ]; then
  timeout 10 scancel $jobs
  for _ in $(seq 100); do
    [ -n "$(timeout 5 squeue --noheader 2>/dev/null)" ] || break
    sleep 0.1
  done
fi
stop slurmctld slurmctld
for file in "$STATE"/run/slurmd.*.pid; do
  [ ! -e "$file" ] || stop "$(basename "$file" .pid)" slurmd
done
stop munged munged
[ "$(readlink /etc/slurm/slurm.conf 2>/dev/null)" != "$SLURM_CONF" ] || rm /etc/slurm/slurm.conf
