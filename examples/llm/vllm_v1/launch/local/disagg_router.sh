#!/usr/bin/env bash
# Two prefill and two decode vLLM workers behind the KV router: four GPUs.
#
# Usage: disagg_router.sh [--help]
#
# Environment:
#   MODEL           model to serve                       (Qwen/Qwen3-0.6B)
#   DYN_HTTP_PORT   port of the OpenAI endpoint          (8000)
#   SYSTEM_PORT     first port of the workers' /metrics  (8081)
#   KV_EVENTS_PORT  first port of the KV events          (20080)
#   NIXL_PORT       first port of the KV handshakes      (20096)
set -euo pipefail
if [[ ${1:-} == --help ]]; then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"
  exit 0
fi

MODEL=${MODEL:-Qwen/Qwen3-0.6B}
SYSTEM_PORT=${SYSTEM_PORT:-8081}
KV_EVENTS_PORT=${KV_EVENTS_PORT:-20080}
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
# What tells the router, on port $1, what is in a worker's KV cache.
kv_events() {
  printf '{"publisher":"zmq","topic":"kv-events","endpoint":"tcp://*:%s","enable_kv_cache_events":true}' "$1"
}

# When a worker is lost, another goes on with its requests, each up to three times.
dynamo serve in=http out=dyn --router-mode kv --migration-limit 3 &
CUDA_VISIBLE_DEVICES=0 DYN_SYSTEM_PORT=$SYSTEM_PORT VLLM_NIXL_SIDE_CHANNEL_PORT=$NIXL_PORT \
  dynamo serve --engine vllm --task decode "$MODEL" \
  --kv-transfer-config "$CONSUMER" &
CUDA_VISIBLE_DEVICES=1 DYN_SYSTEM_PORT=$((SYSTEM_PORT + 1)) VLLM_NIXL_SIDE_CHANNEL_PORT=$((NIXL_PORT + 1)) \
  dynamo serve --engine vllm --task decode "$MODEL" \
  --kv-transfer-config "$CONSUMER" &
CUDA_VISIBLE_DEVICES=2 DYN_SYSTEM_PORT=$((SYSTEM_PORT + 2)) VLLM_NIXL_SIDE_CHANNEL_PORT=$((NIXL_PORT + 2)) \
  dynamo serve --engine vllm --task prefill "$MODEL" \
  --kv-transfer-config "$PRODUCER" \
  --kv-events-config "$(kv_events "$KV_EVENTS_PORT")" &
CUDA_VISIBLE_DEVICES=3 DYN_SYSTEM_PORT=$((SYSTEM_PORT + 3)) VLLM_NIXL_SIDE_CHANNEL_PORT=$((NIXL_PORT + 3)) \
  dynamo serve --engine vllm --task prefill "$MODEL" \
  --kv-transfer-config "$PRODUCER" \
  --kv-events-config "$(kv_events $((KV_EVENTS_PORT + 1)))" &

# The first component to end decides the exit code.
wait -n
