#!/usr/bin/env bash
# An encode worker of your own, as the components folder has it, beside a vLLM worker: two GPUs.
#
# Usage: vllm_own_encoder.sh [--help]
#
# Environment:
#   MODEL           model to serve                       (Qwen/Qwen2.5-VL-7B-Instruct)
#   DYN_HTTP_PORT   port of the OpenAI endpoint          (8000)
#   SYSTEM_PORT     first port of the workers' /metrics  (8081)
set -euo pipefail
if [[ ${1:-} == --help ]]; then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"
  exit 0
fi

MODEL=${MODEL:-Qwen/Qwen2.5-VL-7B-Instruct}
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

dynamo serve in=http out=dyn &
CUDA_VISIBLE_DEVICES=0 DYN_SYSTEM_PORT=$SYSTEM_PORT \
  dynamo serve --component components.encode_worker --model "$MODEL" &
CUDA_VISIBLE_DEVICES=1 DYN_SYSTEM_PORT=$((SYSTEM_PORT + 1)) \
  dynamo serve --engine vllm "$MODEL" \
  --enable-multimodal --route-to-encoder --enable-mm-embeds --max-model-len 16384 &

# The first component to end decides the exit code.
wait -n
