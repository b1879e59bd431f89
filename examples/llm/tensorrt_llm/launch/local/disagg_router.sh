#!/usr/bin/env bash
# Two prefill and two decode TensorRT-LLM workers behind the KV router: four GPUs.
#
# Usage: disagg_router.sh [--help]
#
# Environment:
#   MODEL           model to serve                       (Qwen/Qwen3-0.6B)
#   DYN_HTTP_PORT   port of the OpenAI endpoint          (8000)
#   SYSTEM_PORT     first port of the workers' /metrics  (8081)
#   ENGINE_CONFIGS  folder of prefill.yaml, decode.yaml  (engine_configs of this engine)
set -euo pipefail
if [[ ${1:-} == --help ]]; then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"
  exit 0
fi

MODEL=${MODEL:-Qwen/Qwen3-0.6B}
SYSTEM_PORT=${SYSTEM_PORT:-8081}
ENGINE_CONFIGS=${ENGINE_CONFIGS:-$(cd "$(dirname "$0")/../../engine_configs" && pwd)}
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

# When a worker is lost, another goes on with its requests, each up to three times.
dynamo serve in=http out=dyn --router-mode kv --migration-limit 3 &
CUDA_VISIBLE_DEVICES=0 DYN_SYSTEM_PORT=$SYSTEM_PORT \
  dynamo serve --engine trtllm --task decode "$MODEL" \
  --extra-engine-args "$ENGINE_CONFIGS/decode.yaml" &
CUDA_VISIBLE_DEVICES=1 DYN_SYSTEM_PORT=$((SYSTEM_PORT + 1)) \
  dynamo serve --engine trtllm --task decode "$MODEL" \
  --extra-engine-args "$ENGINE_CONFIGS/decode.yaml" &
CUDA_VISIBLE_DEVICES=2 DYN_SYSTEM_PORT=$((SYSTEM_PORT + 2)) \
  dynamo serve --engine trtllm --task prefill "$MODEL" \
  --extra-engine-args "$ENGINE_CONFIGS/prefill.yaml" \
  --publish-kv-events &
CUDA_VISIBLE_DEVICES=3 DYN_SYSTEM_PORT=$((SYSTEM_PORT + 3)) \
  dynamo serve --engine trtllm --task prefill "$MODEL" \
  --extra-engine-args "$ENGINE_CONFIGS/prefill.yaml" \
  --publish-kv-events &

# The first component to end decides the exit code.
wait -n
