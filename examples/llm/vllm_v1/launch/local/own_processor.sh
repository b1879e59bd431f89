#!/usr/bin/env bash
# A processor of your own before a vLLM worker: one GPU.
#
# Usage: own_processor.sh [--help]
#
# Environment:
#   MODEL           model to serve                       (Qwen/Qwen3-0.6B)
#   DYN_HTTP_PORT   port of the OpenAI endpoint          (8000)
#   SYSTEM_PORT     first port of the workers' /metrics  (8081)
set -euo pipefail
if [[ ${1:-} == --help ]]; then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"
  exit 0
fi

MODEL=${MODEL:-Qwen/Qwen3-0.6B}
SYSTEM_PORT=${SYSTEM_PORT:-8081}
export DYN_HTTP_PORT=${DYN_HTTP_PORT:-8000}

# The components find each other through a folder of this run (no etcd, no NATS), and leave their
# temporary files in it.
TMPDIR=$(mktemp -d)
export TMPDIR DYN_FILE_KV=$TMPDIR/discovery
export DYN_DISCOVERY_BACKEND=file DYN_REQUEST_PLANE=tcp DYN_EVENT_PLANE=zmq

# Whatever ends this script ends every component.
finish() {
  status=$?
  trap - EXIT
  jobs -p | xargs -r kill 2>/dev/null || true
  wait
  rm -rf "$TMPDIR"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# `components` is looked for in the folder where a component is started.
cd "$(dirname "$0")/../.."

# A namespace of its own: in `dynamo`, a frontend would look into every one.
dynamo serve in=http out=dyn://ruled &
# One that the frontend does not look into, so that nobody gets past the processor.
CUDA_VISIBLE_DEVICES=0 DYN_SYSTEM_PORT=$SYSTEM_PORT \
  dynamo serve in=dyn://behind.backend.generate out=vllm "$MODEL" &
DYN_SYSTEM_PORT=$((SYSTEM_PORT + 1)) \
  dynamo serve --component components.processor --model "$MODEL" --namespace ruled \
  --behind dyn://behind.backend.generate &

# The first component to end decides the exit code.
wait -n
