"""What `dynamo serve --help` prints."""

from __future__ import annotations

from typing import Final

from dynamo_launch.config.wiring import ENGINES, TASKS

HELP: Final = f"""\
Usage: dynamo serve in=http out=dyn [FLAGS]... [-- WORDS]
       dynamo serve in=dyn[://NAMESPACE.COMPONENT.ENDPOINT] out=ENGINE [MODEL] [FLAGS]...
       dynamo serve --engine ENGINE [--task TASK] [MODEL] [FLAGS]...
       dynamo serve [NAME] -f CONFIG [MODEL] [FLAGS]...
       dynamo serve --component MODULE [-f CONFIG] [WORDS]...

Start one Dynamo component as one process. Serve becomes the component: process id, signals and
exit code are the component's own.

ServeArguments:
  in=http | in=text      A frontend: an OpenAI endpoint, or a chat in this terminal (with out=dyn).
  in=dyn[://N.C.E]       A worker, registered under an endpoint (with out=ENGINE).
  out=dyn[://NAMESPACE]  What a frontend serves: the workers of the graph, or of one namespace.
  out=ENGINE             {", ".join(ENGINES)}.
  MODEL                  A model's hub name or folder, for the engine's own model flag.
  NAME                   First word: which component of CONFIG, when it describes several.
  FLAGS                  Any flag of the component, or an alias of one (--context-length 8192).

Options:
  --engine ENGINE        As out=ENGINE.
  --task TASK            {", ".join(TASKS)}.
  --component MODULE     A module of your own, run as `python3 -m MODULE`.
  -f, -c, --file CONFIG  A YAML file; deployment keys in it are ignored.
  --dry-run              Print the command instead of running it.
  --                     What follows goes to the component untouched.
  -h, --help             Print this. The component's own: dynamo serve ... -- --help

The command line beats the environment, the environment beats the file.

Examples:
  dynamo serve in=http out=dyn --router-mode kv
  dynamo serve in=dyn out=vllm -f config.yaml
  dynamo serve in=dyn://llama3-8b.backend.generate out=sglang meta-llama/Llama-3.1-8B
  dynamo serve --engine vllm Qwen/Qwen3-0.6B --max-model-len 8192
  dynamo serve --task prefill --engine=trtllm Qwen/Qwen3-0.6B
  dynamo serve --engine=vllm -f ./config.yaml Qwen/Qwen3-0.6B --dry-run
  dynamo serve decode -f config.yaml
  dynamo serve --component components.worker -f config.yaml
  dynamo serve --engine vllm Qwen/Qwen3-0.6B -- --enforce-eager

Exit codes: the component's own; 2 wrong usage; 127 the component's module is not installed.
"""
