"""Writes tests/data/releases: for each minor release a few graphs in the words of that release.

    python tools/release_manifests.py

Each file stands for an example of today where the example's own words are not those of the release.
The words come from what is known of each release; what they are is said by `Ways`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from dynamo_conformance.engines.releases import Release, known, ways

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = ROOT / "tests/data/releases"
EXAMPLES: Final = "llm/vllm_v1/launch/k8s"
FIRST_V1BETA1: Final = (1, 2)
"""The first release whose operator serves v1beta1."""

FIRST_SUBTYPES: Final = (0, 6)
"""The first whose operator knows `subComponentType`."""

_VLLM: Final = "dynamo.vllm"
_TRANSFER: Final = '{"kv_connector":"NixlConnector","kv_role":"kv_both"}'


class Worker(NamedTuple):
    """A worker component."""

    name: str
    role: str
    replicas: int


class Part(NamedTuple):
    """A component as it is written."""

    name: str
    type: str
    role: str
    replicas: int
    words: tuple[str, ...]


GRAPHS: Final = {
    "agg": (False, (Worker("VllmWorker", "agg", 1),)),
    "agg_router": (True, (Worker("VllmWorker", "agg", 2),)),
    "disagg": (
        False,
        (Worker("VllmDecodeWorker", "decode", 1), Worker("VllmPrefillWorker", "prefill", 1)),
    ),
}
"""By example, whether its router looks at KV caches, and its workers."""


def role_words(release: Release, role: str) -> tuple[str, ...]:
    """Return the words that give a vLLM worker of a release its role."""
    how = ways(release)
    roles = how.roles[_VLLM]
    words: tuple[str, ...] = ()
    if role == "agg":
        return words
    # A mode that is there is what the release asks for; the flags beside it are on their way out.
    if roles.mode is not None:
        word = next(word for word, meant in roles.words.items() if meant == role)
        words = (roles.mode, word)
    elif role == "prefill" or not roles.decode_unsaid:
        words = (next(flag for flag, meant in roles.flags.items() if meant == role),)
    if how.prefill_needs_kv_transfer or how.kv_connector is None:
        words += ("--kv-transfer-config", _TRANSFER)
    return words


def manifest(release: Release, graph: str) -> str:
    """Return the text of a graph in the words of a release."""
    has_router, workers = GRAPHS[graph]
    image = f"nvcr.io/nvidia/ai-dynamo/vllm-runtime:{release}"
    # Without words of its own, the operator starts it.
    front = ("python3", "-m", "dynamo.frontend", "--router-mode", "kv") if has_router else ()
    is_beta = release.line >= FIRST_V1BETA1
    lines = [
        f"# {graph} of today, as Dynamo {release} is told it; made by tools/release_manifests.py",
        f"apiVersion: nvidia.com/{'v1beta1' if is_beta else 'v1alpha1'}",
        "kind: DynamoGraphDeployment",
        "metadata:",
        f"  name: vllm-{graph.replace('_', '-')}",
        "  annotations:",
        f"    dynamo-conformance/stands-for: {EXAMPLES}/{graph}.yaml",
        "spec:",
        "  backendFramework: vllm",
        "  components:" if is_beta else "  services:",
    ]
    written = beta if is_beta else alpha
    lines += written(image, Part("Frontend", "frontend", "", 1, front))
    for name, role, replicas in workers:
        words: tuple[str, ...] = ("python3", "-m", _VLLM, "--model", "Qwen/Qwen3-0.6B")
        words += role_words(release, role)
        is_typed = role != "agg" and (is_beta or release.line >= FIRST_SUBTYPES)
        lines += written(image, Part(name, "worker", role if is_typed else "", replicas, words))
    return "\n".join(lines) + "\n"


def alpha(image: str, part: Part) -> list[str]:
    """Return a service of v1alpha1."""
    gpu = (
        ["      resources:", "        limits:", '          gpu: "1"']
        if part.type == "worker"
        else []
    )
    return [
        f"    {part.name}:",
        f"      componentType: {part.type}",
        *([f"      subComponentType: {part.role}"] if part.role else []),
        f"      replicas: {part.replicas}",
        *gpu,
        "      extraPodSpec:",
        "        mainContainer:",
        f"          image: {image}",
        *_words(part.words, 10),
    ]


def beta(image: str, part: Part) -> list[str]:
    """Return a component of v1beta1."""
    limits = ["resources:", "  limits:", '    nvidia.com/gpu: "1"'] if part.type == "worker" else []
    return [
        f"    - name: {part.name}",
        f"      type: {part.role or part.type}",
        f"      replicas: {part.replicas}",
        "      podTemplate:",
        "        spec:",
        "          containers:",
        "            - name: main",
        f"              image: {image}",
        *_words(part.words, 14),
        *(" " * 14 + line for line in limits),
    ]


def _words(words: tuple[str, ...], indent: int) -> list[str]:
    if not words:
        return []
    space = " " * indent
    command = [f"{space}command:", *(f"{space}  - {word}" for word in words[:3])]
    args = [f"{space}  - {_quoted(word)}" for word in words[3:]]
    return [*command, *([f"{space}args:", *args] if args else [])]


def _quoted(word: str) -> str:
    return f"'{word}'" if word.startswith("{") else word


def files() -> dict[Path, str]:
    """Return the text of every file; the newest release has the examples themselves."""
    return {
        FOLDER / f"{release.major}.{release.minor}" / f"{graph}.yaml": manifest(release, graph)
        for release in known()[:-1]
        for graph in GRAPHS
    }


def main() -> None:
    """Write every file."""
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
