#!/usr/bin/env bash
# Two workers of each kind on vLLM's first engine (V0), with Dynamo 0.3.1: four GPUs.
#
# Usage: disagg_router.sh [--help]
#
# `dynamo` on PATH is that of Dynamo 0.3.1; etcd and NATS (with JetStream) run already.
#
# Environment:
#   MODEL            model to serve                (deepseek-ai/DeepSeek-R1-Distill-Llama-8B)
#   DYN_HTTP_PORT    port of the OpenAI endpoint   (8000)
#   ETCD_ENDPOINTS   where etcd is                 (http://localhost:2379)
#   NATS_SERVER      where NATS is                 (nats://localhost:4222)
set -euo pipefail
if [[ ${1:-} == --help ]]; then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"
  exit 0
fi

MODEL=${MODEL:-deepseek-ai/DeepSeek-R1-Distill-Llama-8B}

# `graphs`, `components` and `configs` are looked for in the folder where it is started.
cd "$(dirname "$0")/../.."

# It starts every service of the graph, and ends them with itself.
exec dynamo serve graphs.disagg:Frontend -f configs/disagg_router.yaml \
  --Common.model="$MODEL" --Frontend.served_model_name="$MODEL" \
  --Frontend.port="${DYN_HTTP_PORT:-8000}"
