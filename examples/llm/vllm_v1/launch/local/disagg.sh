#!/usr/bin/env bash
# Prefill and decode on separate vLLM workers: two GPUs.
#
# Usage: disagg.sh [--help]
#
# Environment:
#   MODEL           model to serve                       (Qwen/Qwen3-0.6B)
#   DYN_HTTP_PORT   port of the OpenAI endpoint          (8000)
#   SYSTEM_PORT     first port of the workers' /metrics  (8081)
#   NIXL_PORT       first port of the KV handshakes      (20096)
set -euo pipefail
if [[ ${1:-} == --help ]]; then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"
  exit 0
fi

MODEL=${MODEL:-Qwen/Qwen3-0.6B}
SYSTEM_PORT=${SYSTEM_PORT:-8081}
NIXL_PORT=${NIXL_PORT:-20096}
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

# How KV blocks travel from prefill to decode.
PRODUCER='{"kv_connector":"NixlConnector","kv_role":"kv_producer"}'
# A prompt whose blocks do not arrive is computed again, not ended with an error.
CONSUMER='{"kv_connector":"NixlConnector","kv_role":"kv_consumer","kv_load_failure_policy":"recompute"}'

# With more workers, another goes on with a lost worker's requests, each up to three times.
dynamo serve in=http out=dyn --migration-limit 3 &
CUDA_VISIBLE_DEVICES=0 DYN_SYSTEM_PORT=$SYSTEM_PORT VLLM_NIXL_SIDE_CHANNEL_PORT=$NIXL_PORT \
  dynamo serve --engine vllm --task decode "$MODEL" \
  --kv-transfer-config "$CONSUMER" &
CUDA_VISIBLE_DEVICES=1 DYN_SYSTEM_PORT=$((SYSTEM_PORT + 1)) VLLM_NIXL_SIDE_CHANNEL_PORT=$((NIXL_PORT + 1)) \
  dynamo serve --engine vllm --task prefill "$MODEL" \
  --kv-transfer-config "$PRODUCER" &

# The first component to end decides the exit code.
wait -n
