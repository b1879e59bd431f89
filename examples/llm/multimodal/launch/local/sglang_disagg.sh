#!/usr/bin/env bash
# Images, prompts and answers on an SGLang worker each: three GPUs. Clients reach the encode worker,
# which sends each request on to decode, and decode has prefill compute the prompt.
#
# Usage: sglang_disagg.sh [--help]
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

# What prefill and decode share behind an encode worker; KV blocks travel in pages of one size.
BEHIND=(--enable-multimodal --dedicated-mm-encoder --disaggregation-transfer-backend nixl
  --page-size 16 --context-length 16384)

dynamo serve in=http out=dyn &
CUDA_VISIBLE_DEVICES=0 DYN_SYSTEM_PORT=$SYSTEM_PORT \
  dynamo serve --engine sglang --task decode "$MODEL" \
  "${BEHIND[@]}" &
# The template tells which token stands for an image; encode does not start without it.
CUDA_VISIBLE_DEVICES=1 DYN_SYSTEM_PORT=$((SYSTEM_PORT + 1)) \
  dynamo serve --engine sglang --task encode "$MODEL" \
  --enable-multimodal --chat-template qwen2-vl &
# Decode asks prefill for its blocks at this machine's address, so prefill listens on all of them.
CUDA_VISIBLE_DEVICES=2 DYN_SYSTEM_PORT=$((SYSTEM_PORT + 2)) \
  dynamo serve --engine sglang --task prefill "$MODEL" \
  "${BEHIND[@]}" --host 0.0.0.0 --disable-radix-cache &

# The first component to end decides the exit code.
wait -n
