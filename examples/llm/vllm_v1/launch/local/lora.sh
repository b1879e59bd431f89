#!/usr/bin/env bash
# One vLLM worker that loads LoRA adapters while it serves: one GPU.
#
# Usage: lora.sh [--help]
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

# /v1/loras on the worker's system port loads an adapter; what it fetches goes with this run.
export DYN_LORA_ENABLED=true DYN_LORA_PATH=$TMPDIR/loras

dynamo serve in=http out=dyn &
# Four adapters in one batch, and sixteen in memory: one of each unless given.
CUDA_VISIBLE_DEVICES=0 DYN_SYSTEM_PORT=$SYSTEM_PORT \
  dynamo serve --engine vllm "$MODEL" \
  --enable-lora --max-lora-rank 64 --max-loras 4 --max-cpu-loras 16 &

# The first component to end decides the exit code.
wait -n
