#!/usr/bin/env bash
# Trains an experiment file on a Ray cluster of its own, made of the nodes that Slurm grants:
#
#   sbatch scripts/cluster/slurm.sh EXPERIMENT.yaml /shared/results [options of `rllib train file`]
#
# Needs Python with rllib_remix on every node (activate it in ~/.bashrc or where marked below), and a results folder
# that all nodes share. A job that is preempted, loses its head node or reaches its time limit is queued again and goes
# on from the trials' newest checkpoints; set how often they are saved: --checkpoint-freq, or checkpoint_config in the
# file. docs/cluster.md has the whole path.
#
#SBATCH --job-name=rllib-remix
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=24:00:00
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --no-kill
# SIGTERM comes to this script alone, 300 s before the time limit: time to save.
#SBATCH --signal=B:TERM@300

set -uo pipefail

if [ $# -lt 2 ]; then
    echo "usage: sbatch $0 EXPERIMENT.yaml /shared/results [options of rllib train file]" >&2
    exit 2
fi
experiment=$1 results=$2
shift 2

# source /shared/rllib_remix/.venv/bin/activate

# SIGTERM: the run, once there is one, ends its iteration and saves; before that there is nothing to save.
run= told_to_stop=
trap 'told_to_stop=yes; if [ -n "$run" ]; then kill -TERM $run 2>/dev/null; else requeue; fi' TERM
requeue() {
    echo "Stopped; the job is queued again."
    scontrol requeue "$SLURM_JOB_ID"
    exit 1
}

# Starts one Ray node in the foreground. Ports are free ones of the node it runs on, so that jobs can share nodes.
start_ray_node() {
    local ports
    read -r -a ports < <(python -c '
import socket
sockets = [socket.socket() for _ in range(4)]
for each in sockets:
    each.bind(("", 0))
print(*(each.getsockname()[1] for each in sockets))')
    exec ray start --block --disable-usage-stats \
        --num-cpus="${SLURM_CPUS_PER_TASK:-1}" --num-gpus="${SLURM_GPUS_ON_NODE:-0}" \
        --dashboard-agent-listen-port="${ports[0]}" --dashboard-agent-grpc-port="${ports[1]}" \
        --metrics-export-port="${ports[2]}" --runtime-env-agent-port="${ports[3]}" "$@"
}
export -f start_ray_node

# Only this job's processes, which get it through srun, can use its Ray.
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_TOKEN

# No function: a signal to it in the background would not reach srun.
on_node=(srun --overlap --nodes=1 --ntasks=1)

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes[0]}

# The head's address as the other nodes see it, and ports that are free there: random, and agreed by being passed on.
read -r ip port client_port < <("${on_node[@]}" --nodelist="$head" python -c '
import socket, ray
sockets = [socket.socket() for _ in range(2)]
for each in sockets:
    each.bind(("", 0))
print(ray.util.get_node_ip_address(), *(each.getsockname()[1] for each in sockets))')
if [ -z "${client_port:-}" ]; then
    echo "python on $head cannot import ray; activate rllib_remix in $0." >&2
    exit 1
fi

steps=()
trap 'kill "${steps[@]}" 2>/dev/null; wait "${steps[@]}" 2>/dev/null' EXIT

# --temp-dir: on the node itself, and short, as the paths of sockets have 107 characters at most.
echo "Ray's head: $head ($ip:$port); nodes: ${nodes[*]}; started ${SLURM_RESTART_COUNT:-0} times before."
"${on_node[@]}" --nodelist="$head" bash -c 'start_ray_node "$@"' ray --head --node-ip-address="$ip" --port="$port" \
    --ray-client-server-port="$client_port" --include-dashboard=false --temp-dir="/tmp/ray-$SLURM_JOB_ID" &
steps+=($!)

# Ray's own time-out of a node that cannot reach its head is short; the others wait for the head here.
python - "$ip" "$port" <<'PYTHON' || exit 1
import socket, sys, time
for _ in range(120):
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5).close()
        sys.exit()
    except OSError:
        time.sleep(1)
sys.exit("Ray's head did not start.")
PYTHON
for node in "${nodes[@]:1}"; do
    "${on_node[@]}" --nodelist="$node" bash -c 'start_ray_node "$@"' ray --address="$ip:$port" &
    steps+=($!)
done
python - "$ip:$port" "${#nodes[@]}" <<'PYTHON' || exit 1
import sys, time
import ray
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
for _ in range(120):
    if sum(node["Alive"] for node in ray.nodes()) >= int(sys.argv[2]):
        sys.exit()
    time.sleep(1)
sys.exit(f"Of {sys.argv[2]} nodes, {sum(node['Alive'] for node in ray.nodes())} joined Ray.")
PYTHON

# --resume goes on with what an earlier start of this job left, and begins anew if there is nothing.
RAY_ADDRESS="$ip:$port" rllib train file "$experiment" --storage-path "$results" --resume "$@" &
run=$!
wait $run
code=$?
# A signal ends `wait` early: the run ends its iteration and saves. Once it has ended, `wait` says again how.
while [ -n "$told_to_stop" ] && kill -0 $run 2>/dev/null; do
    wait $run
done
if [ -n "$told_to_stop" ]; then
    wait $run
    code=$?
fi

# 130 is what rllib ends with when it was stopped and has saved.
if [ -n "$told_to_stop" ] && [ $code -eq 130 ]; then
    requeue
fi
exit $code
