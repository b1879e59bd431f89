"""Halves: settings that do nothing, or end a program, without another one.

Each row was read in the sources of 1.6.1 that it names. A term is the dest of a flag (on, or
given), `dest=value`, `given:dest`, `$VARIABLE` (true), `$PREFIX*` (any that begins so),
`option:PATH` of TensorRT-LLM, or one of the names that `lint/rules/half_feature.py` knows: `kvbm`,
`gms-server`, `events-without-switch`. Where two rows of one setting apply, the first is said.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

VLLM, SGLANG, TRTLLM = "dynamo.vllm", "dynamo.sglang", "dynamo.trtllm"
FRONTEND, ROUTER, MOCKER = "dynamo.frontend", "dynamo.router", "dynamo.mocker"


class Half(NamedTuple):
    """A setting and what it needs.

    Attributes:
        modules: The modules that it is a setting of.
        given: The term that is on.
        needs: Ways to make it whole: the terms of one of them must all be on.
        effect: What happens without.
        advice: What to write.
        source: The file in which that is decided.
        ends: Whether the program ends over it.
    """

    modules: tuple[str, ...]
    given: str
    needs: tuple[tuple[str, ...], ...]
    effect: str
    advice: str
    source: str
    ends: bool = False


_LORA, _LORA_ON = ("enable_lora",), "$DYN_LORA_ENABLED"
_TIERS = (
    ("$DYN_KVBM_CPU_CACHE_GB*",),
    ("$DYN_KVBM_CPU_CACHE_OVERRIDE_NUM_BLOCKS*",),
    ("$DYN_KVBM_DISK_CACHE_GB*",),
    ("$DYN_KVBM_DISK_CACHE_OVERRIDE_NUM_BLOCKS*",),
)
_KV = (("router_mode=kv",), ("load_aware",))
_SPILLS = (("enable_hierarchical_cache",), ("disaggregation_decode_enable_offload_kvcache",))
_NO_ADAPTERS = "no adapter is served"
_NO_IMAGES = "requests with images are refused"
_NO_SPILL = "no KV block leaves the GPU"
_NOBODY = "nothing reads it"

HALVES = (
    # LoRA adapters
    Half((VLLM,), "enable_lora", ((_LORA_ON,),), "load_lora has nothing to fetch adapters with",
         'set DYN_LORA_ENABLED to "true"', "vllm/handlers.py, common/lora/manager.py"),
    Half((SGLANG,), "enable_lora", (("lora_paths",), ("max_lora_rank", "lora_target_modules")),
         "SGLang ends at start", "give --lora-paths, or --max-lora-rank and --lora-target-modules",
         "sglang 0.5.21, srt/arg_groups/lora_hook.py", ends=True),
    Half((SGLANG,), "enable_lora", (("lora_paths",), (_LORA_ON,)),
         "load_lora has nothing to fetch adapters with",
         'set DYN_LORA_ENABLED to "true", or give --lora-paths', "sglang/request_handlers"),
    Half((VLLM,), _LORA_ON, (_LORA,), "the worker has no load_lora", "add --enable-lora",
         "vllm/worker_factory.py"),
    Half((SGLANG,), _LORA_ON, (_LORA, ("lora_paths",)), "SGLang takes no adapter",
         "add --enable-lora", "sglang/request_handlers/handler_base.py"),
    Half((VLLM, SGLANG), "$DYN_LORA_PATH*", ((_LORA_ON,),), _NOBODY,
         'set DYN_LORA_ENABLED to "true"', "common/lora/manager.py"),
    *(Half((VLLM,), dest, (_LORA,), _NO_ADAPTERS, "add --enable-lora", "vllm, config/lora.py")
      for dest in ("max_loras", "max_lora_rank", "max_cpu_loras", "fully_sharded_loras")),
    *(Half((SGLANG,), dest, (_LORA, ("lora_paths",)), _NO_ADAPTERS, "add --enable-lora",
           "sglang 0.5.21, srt/arg_groups/lora_hook.py")
      for dest in ("max_lora_rank", "lora_target_modules")),
    # KV blocks in other memory
    Half((VLLM, TRTLLM), "kvbm", _TIERS, "KVBM ends at start: no cache tier is configured",
         "set DYN_KVBM_CPU_CACHE_GB or DYN_KVBM_DISK_CACHE_GB", "kvbm 1.6.1", ends=True),
    Half((VLLM,), "$DYN_KVBM_*", (("kvbm",),), _NOBODY,
         "add DynamoConnector to --kv-transfer-config", "kvbm 1.6.1"),
    Half((TRTLLM,), "$DYN_KVBM_*", (("kvbm",),), _NOBODY, "add --connector kvbm", "kvbm 1.6.1"),
    *(Half((SGLANG,), dest, _SPILLS, _NO_SPILL, "add --enable-hierarchical-cache",
           "sglang 0.5.21, srt/arg_groups/hicache_hook.py")
      for dest in ("hicache_ratio", "hicache_size", "hicache_storage_backend")),
    # KV events
    Half((VLLM,), "events-without-switch", (), "no KV event is published",
         'add "enable_kv_cache_events":true', "vllm, config/kv_events.py"),
    Half((TRTLLM,), "option:kv_cache_config.kv_events_config.enable_kv_cache_events",
         (("publish_kv_events",),), "Dynamo publishes no KV event", "add --publish-kv-events",
         "trtllm/workers/llm_worker.py"),
    # Images
    Half((VLLM,), "route_to_encoder", (("enable_multimodal",),), _NO_IMAGES,
         "add --enable-multimodal", "vllm/multimodal_utils/request_processor.py"),
    Half((VLLM,), "custom_encoder_class", (("enable_multimodal",),), "the worker ends at start",
         "add --enable-multimodal", "vllm/backend_args.py", ends=True),
    Half((SGLANG,), "dedicated_mm_encoder", (("enable_multimodal",),), "the worker ends at start",
         "add --enable-multimodal", "sglang/backend_args.py", ends=True),
    Half((SGLANG,), "dedicated_mm_encoder",
         tuple((f"disaggregation_mode={mode}",) for mode in ("pd", "prefill", "decode")),
         "the worker ends at start", "add --disaggregation-mode pd, prefill or decode",
         "sglang/args.py", ends=True),
    Half((TRTLLM,), "encode_endpoint", (("enable_multimodal",), ("modality=multimodal",)),
         "images reach no encoder", "add --enable-multimodal", "trtllm/workers/llm_worker.py"),
    # Workers of one kind
    Half((VLLM,), "embedding_frontend_tokenization", (("embedding_worker",),),
         "the worker ends at start", "add --embedding-worker", "vllm/backend_args.py", ends=True),
    Half((VLLM,), "benchmark_points_file", (("benchmark_mode",),), "the worker ends at start",
         "add --benchmark-mode", "vllm/backend_args.py", ends=True),
    # GPU memory service
    Half((VLLM,), "gms_shadow_mode", (("load_format=gms",),), "the worker ends at start",
         "add --load-format gms", "vllm/args.py", ends=True),
    Half((VLLM, SGLANG, TRTLLM), "load_format=gms", (("gms-server",),),
         "no GPU memory service runs in the pod", "add experimental.gpuMemoryService",
         "the operator's api/v1beta1"),
    # Config files
    Half((SGLANG,), "given:disagg_config", (("given:disagg_config_key",),),
         "the worker ends at start", "add --disagg-config-key", "sglang/backend_args.py",
         ends=True),
    Half((SGLANG,), "given:disagg_config_key", (("given:disagg_config",),),
         "the worker ends at start", "add --disagg-config", "sglang/backend_args.py", ends=True),
    # Frontend and router
    Half((FRONTEND,), "tls_cert_path", (("tls_key_path",),), "the frontend ends at start",
         "add --tls-key-path", "frontend/frontend_args.py", ends=True),
    Half((FRONTEND,), "tls_key_path", (("tls_cert_path",),), "the frontend ends at start",
         "add --tls-cert-path", "frontend/frontend_args.py", ends=True),
    Half((FRONTEND,), "tls_client_ca_cert_path", (("tls_cert_path", "tls_key_path"),),
         "the frontend ends at start", "add --tls-cert-path and --tls-key-path",
         "frontend/frontend_args.py", ends=True),
    *(Half((FRONTEND,), given, _KV, "the frontend ends at start", "add --router-mode kv",
           "frontend/frontend_args.py", ends=True)
      for given in ("serve_indexer", "conditional_disagg_enabled", "router_prefill_load_model=ais",
                    "router_prefill_load_model=aic")),
    Half((FRONTEND,), "conditional_disagg_config", (("conditional_disagg_enabled",),),
         "the frontend ends at start", "add --router-conditional-disagg",
         "common/configuration/groups/kv_router_args.py", ends=True),
    Half((FRONTEND, ROUTER), "ais_perf_config",
         (("router_prefill_load_model=ais",), ("router_prefill_load_model=aic",)),
         "the program ends at start", "add --router-prefill-load-model ais",
         "frontend/frontend_args.py, router/args.py", ends=True),
    Half((MOCKER,), "zmq_replay_ports", (("zmq_kv_events_ports",),), "the worker ends at start",
         "add --zmq-kv-events-ports", "mocker/args.py", ends=True),
)  # fmt: skip


@cache
def halves_of(module: str) -> tuple[Half, ...]:
    """Return the rows of one module, in order."""
    return tuple(half for half in HALVES if module in half.modules)
