#!/bin/sh
# A campaign as an array of Slurm: each task runs its part, into the one folder of the night, which they share.
#
#   splitbrain campaign plan campaigns/nightly.toml -o "$HOME/nights/2026-01-31" --night 2026-01-31
#   sbatch --array=0-7 deploy/slurm/nightly.sh "$HOME/nights/2026-01-31"
#
# Privileges: none but those of any user, on nodes where users may create user namespaces (user.max_user_namespaces above
# 0, which `splitbrain doctor` looks at). iptables must be installed on the nodes. The folder may be on NFS; the nodes'
# own logs are written there as well, so a local disk is the better place where runs are long.
#
#SBATCH --job-name=splitbrain
#SBATCH --cpus-per-task=2
#SBATCH --mem=2G
#SBATCH --time=07:30:00
# A run that shares its processors with other jobs finds their delays.
#SBATCH --exclusive=user
# Before the time is up, so that the running unit is ended in order and what is finished is kept.
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
set -u

night=${1:?the folder of the night is missing: sbatch --array=0-7 nightly.sh DIR}
# Slurm tells each task its part by SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT.
splitbrain campaign run "$night" &
child=$!
# Slurm signals the shell: it passes the signal on, and waits for the end.
trap 'kill -TERM "$child"' TERM
wait "$child"
code=$?
if [ "$code" -gt 128 ]; then
    wait "$child"
    code=$?
fi
# 1 (a violation) and 3 (unknown) are results. When all tasks have ended:
#   splitbrain campaign merge "$night" -o nights.sqlite && splitbrain campaign status nights.sqlite
exit "$code"
