# ruff: noqa: E501, PLW0108 - a table
"""Hostile inputs: manifests that are large, crooked or neither, made when they are asked for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lint_helpers import GRAPH, REPLICAS, graph

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD = "apiVersion: nvidia.com/v1beta1\nkind: DynamoGraphDeployment\nmetadata: {name: g}\n"
ALPHA = HEAD.replace("v1beta1", "v1alpha1")
COMMAND = "              command"
ARGS = "args: [--model, Qwen/Qwen3-0.6B"
WORKER = GRAPH.partition("    - name: Worker\n")[2]
CONTAINER = (
    "{image: 'x/vllm-runtime:1.6.1', name: main, command: [python3, -m, dynamo.vllm],"
    " args: [--model, m], resources: {limits: {nvidia.com/gpu: 1}}}"
)


def components(count: int) -> str:
    each = "".join(f"    - name: Worker{n}\n{WORKER}" for n in range(count))
    return GRAPH.partition("    - name: Worker\n")[0] + each


def services(count: int) -> str:
    each = "".join(
        f"    W{n}: {{componentType: worker, replicas: 1, extraPodSpec: {{mainContainer: {CONTAINER}}}}}\n"
        for n in range(count)
    )
    return f"{ALPHA}spec:\n  services:\n{each}"


def inside(what: str) -> str:
    """Return a graph whose worker's container has another field."""
    return graph(COMMAND, f"              {what}\n{COMMAND}")


def words(text: str) -> str:
    return graph(ARGS, f"{ARGS}, {text}")


def env(count: int, entry: str) -> str:
    return inside("env: [" + ", ".join(entry.replace("N", str(n)) for n in range(count)) + "]")


def many(count: int, line: str) -> str:
    return "".join(line.replace("NNN", str(n)) for n in range(count))


def config_map(module: str, entry: str) -> str:
    """Return a graph whose worker reads a config file out of a ConfigMap with that entry."""
    container = (
        f"{{name: main, image: 'x/vllm-runtime:1.6.1', command: [python3, -m, {module}, --config, /c/f.yaml],"
        " volumeMounts: [{name: c, mountPath: /c}], resources: {limits: {nvidia.com/gpu: 1}}}"
    )
    pod = f"{{spec: {{volumes: [{{name: c, configMap: {{name: c}}}}], containers: [{container}]}}}}"
    return (
        f"{HEAD}spec:\n  components: [{{name: W, type: worker, podTemplate: {pod}}}]\n---\n"
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata:\n  {entry}\n"
    )


def bomb() -> str:
    """Return a text whose last line stands for ten thousand million words."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "".join(f"\n    {line}" for line in lines)


def top(text: str) -> str:
    return f"{HEAD}{text}"


WHERE = {
    "spec": "spec: WHAT\n",
    "components": "spec: {components: WHAT}\n",
    "a component": "spec: {components: [WHAT]}\n",
    "a pod": "spec: {components: [{name: a, podTemplate: WHAT}]}\n",
    "containers": "spec: {components: [{name: a, podTemplate: {spec: {containers: WHAT}}}]}\n",
    "env": "spec: {components: [{name: a, podTemplate: {spec: {containers: [{name: main, env: WHAT, args: WHAT, command: WHAT}]}}}]}\n",
}


def wrong_kind(where: str, what: str) -> str:
    return top(WHERE[where].replace("WHAT", what))


INPUTS: dict[str, Callable[[], str | bytes]] = {
    # More of something than anybody has.
    "3000 components": lambda: components(3_000),
    "4000 components": lambda: components(4_000),
    "3000 empty components": lambda: top("spec: {components: [" + "{}, " * 3_000 + "]}\n"),
    "100000 empty components": lambda: top("spec: {components: [" + "{}, " * 100_000 + "]}\n"),
    "3000 same components": lambda: GRAPH + f"    - name: Worker\n{WORKER}" * 3_000,
    "3000 frontends": lambda: top("spec:\n  components:\n" + many(3_000, "  - {name: fNNN, type: frontend}\n")),
    "3000 services": lambda: services(3_000),
    "50 components of a great pod": lambda: GRAPH + many(50, f"    - name: WNNN\n{WORKER}").replace(
        ARGS, ARGS + ", --no-such-flag" * 200),
    "5000 variables": lambda: env(5_000, "{name: AN, value: x}"),
    "20000 same variables": lambda: env(20_000, "{name: A, value: x}"),
    "5000 secrets": lambda: env(5_000, "{name: X_TOKEN, value: sesameN}"),
    "5000 variables of each other": lambda: env(5_000, "{name: AN, value: $(AN)$(AN)}"),
    "5000 variables of Dynamo": lambda: env(5_000, "{name: DYN_NO_SUCH_N, value: x}"),
    "20000 words": lambda: words(", ".join(f"w{n}" for n in range(20_000))),
    "20000 unknown flags": lambda: words(", ".join(f"--no-such-{n}" for n in range(20_000))),
    "20000 same flags": lambda: words(", ".join(["--model, x"] * 20_000)),
    "20000 nearly flags": lambda: words(", ".join(f"--tensor-paralel-siz{n}" for n in range(20_000))),
    "5000 mounts": lambda: inside("volumeMounts: [" + many(5_000, "{name: vNNN, mountPath: /mNNN}, ") + "]"),
    "5000 same mounts": lambda: inside("volumeMounts: [" + "{name: v, mountPath: /m}, " * 5_000 + "]"),
    "5000 volumes": lambda: graph("          containers:\n            - name: main\n              image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1\n              command",
        "          volumes: [" + many(5_000, "{name: vNNN, emptyDir: {}}, ") + "]\n          containers:\n            - name: main\n              image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1\n              command"),
    "5000 ports": lambda: inside("ports: [" + many(5_000, "{containerPort: NNN, name: pNNN}, ") + "]"),
    "5000 same ports": lambda: inside("ports: [" + "{containerPort: 80, name: p}, " * 5_000 + "]"),
    "2000 containers": lambda: GRAPH + many(2_000, "            - {name: cNNN, image: xNNN}\n"),
    "20000 labels": lambda: graph("  name: graph\n", "  name: graph\n  labels:\n" + many(20_000, "    aNNN: b\n")),
    "20000 unknown fields": lambda: graph(REPLICAS, REPLICAS + many(20_000, "      xNNN: 1\n")),
    "5000 nearly fields": lambda: graph(REPLICAS, REPLICAS + many(5_000, "      replicasNNN: 1\n")),
    "50000 values": lambda: graph(REPLICAS, REPLICAS + "      x: [" + "1, " * 50_000 + "]\n"),
    "20000 suppressions": lambda: GRAPH + "# dynamo-lint: allow engine-flag because x\n" * 20_000,
    "20000 suppressions of no rule": lambda: GRAPH + many(20_000, "# dynamo-lint: allow no-such-NNN because x\n"),
    "5000 suppressions without reason": lambda: GRAPH + "# dynamo-lint: allow engine-flag\n" * 5_000,
    "5000 rules in a suppression": lambda: GRAPH + "# dynamo-lint: allow " + ",".join(["a-b"] * 5_000) + " because x\n",
    "20000 findings and suppressions": lambda: graph(REPLICAS, REPLICAS + many(20_000, "      xNNN: 1 # dynamo-lint: allow api-schema because x\n")),
    "a suppression of a long reason": lambda: GRAPH + "# dynamo-lint: allow a because b" + " " * 500_000 + "c\n",
    "100000 comments": lambda: GRAPH + "# \n" * 100_000,
    "100000 empty lines": lambda: GRAPH + "\n" * 100_000,
    "100000 small documents": lambda: "kind: ConfigMap\n---\n" * 100_000,
    "alias bomb in an engine's config file": lambda: config_map("dynamo.vllm", f"f.yaml: |{bomb()}"),
    "alias bomb in the planner's config file": lambda: config_map("dynamo.planner", f"f.yaml: |{bomb()}"),
    "no key of a ConfigMap": lambda: config_map("dynamo.vllm", "'a b': x"),
    "100000 small graphs": lambda: (HEAD + "---\n") * 100_000,
    "2000 graphs": lambda: (GRAPH + "---\n") * 2_000,
    "300 graphs": lambda: (HEAD + "---\n") * 300,
    "a list of 20000 graphs": lambda: "apiVersion: v1\nkind: List\nitems:\n" + "- {apiVersion: nvidia.com/v1beta1, kind: DynamoGraphDeployment}\n" * 20_000,
    "100000 separators": lambda: GRAPH + "---\n" * 100_000,
    "100000 documents of text": lambda: "---\nnvidia.com/v\n" * 100_000,
    "100000 broken documents": lambda: "---\n{\n" * 100_000,
    "a list of lists": lambda: "apiVersion: v1\nkind: List\nitems: " + "[" * 90 + "]" * 90 + "\n",
    # Long words.
    **{f"a long {name}": partial(make, "x" * 500_000) for name, make in {
        "name": lambda long: graph("name: graph", f"name: {long}"),
        "component": lambda long: graph("name: Worker", f"name: {long}"),
        "type": lambda long: graph("type: worker", f"type: {long}"),
        "key": lambda long: graph(REPLICAS, f"{REPLICAS}      ? {long}\n      : 1\n"),
        "flag": lambda long: words(f"--{long}"),
        "value": lambda long: words(f"--dtype, {long}"),
        "variable": lambda long: inside(f"env: [{{name: {long}, value: {long}}}]"),
        "image": lambda long: inside("").replace("vllm-runtime:1.6.1\n              \n", f"{long}\n"),
        "version": lambda long: graph("v1beta1", long),
        "kind": lambda long: graph("kind: DynamoGraphDeployment", f"kind: DynamoGraph{long}"),
        "path": lambda long: inside(f"volumeMounts: [{{name: v, mountPath: /{long}}}]"),
        "comment": lambda long: f"{GRAPH}# {long}\n",
    }.items()},
    "a long expansion": lambda: inside("env: [{name: A, value: " + "$(A)" * 100_000 + "}]"),
    "a long path of dots": lambda: inside("volumeMounts: [{name: v, mountPath: " + "/.." * 100_000 + "}]"),
    "a long script": lambda: inside("").replace("command: [python3, -m, dynamo.vllm]", "command: [sh, -c]").replace(
        "args: [--model, Qwen/Qwen3-0.6B]", 'args: ["' + "echo $A; " * 50_000 + '"]'),
    "a script of quotes": lambda: inside("").replace("command: [python3, -m, dynamo.vllm]", "command: [sh, -c]").replace(
        "args: [--model, Qwen/Qwen3-0.6B]", 'args: ["' + "'" * 100_001 + '"]'),
    "a script of dollars": lambda: inside("").replace("command: [python3, -m, dynamo.vllm]", "command: [sh, -c]").replace(
        "args: [--model, Qwen/Qwen3-0.6B]", 'args: ["' + "$(" * 100_000 + '"]'),
    "a long JSON value": lambda: words("--kv-transfer-config, '" + '{"a":' * 50_000 + "'"),
    "a deep JSON value": lambda: words("--kv-transfer-config, '" + "[" * 100_000 + "]" * 100_000 + "'"),
    "a long number": lambda: graph(REPLICAS, f"      replicas: {'9' * 100_000}\n"),
    "a great number": lambda: graph(REPLICAS, "      replicas: 2000000000\n"),
    "a great node count": lambda: graph(REPLICAS, f"{REPLICAS}      multinode: {{nodeCount: 2000000000}}\n"),
    "a great size": lambda: words("--tensor-parallel-size, '99999999999999999999', --block-size, '1e400'"),
    "a great GPU count": lambda: graph("nvidia.com/gpu: 1", "nvidia.com/gpu: 1e300"),
    "a quantity": lambda: graph("nvidia.com/gpu: 1", f"nvidia.com/gpu: '{'9' * 100_000}Ei'"),
    "a great exponent": lambda: graph("nvidia.com/gpu: 1", "nvidia.com/gpu: '1e999999999'"),
    "a port": lambda: words("--port, '99999999999999999999999'"),
    "a great port": lambda: inside("ports: [{containerPort: 9999999999999999999999, name: p}]"),
    # Nested, circular, of the wrong kind.
    "deep lists": lambda: HEAD + "spec: " + "[" * 200_000,
    "deep maps": lambda: HEAD + "spec: " + "{a: " * 200_000,
    "deep blocks": lambda: HEAD + "".join(" " * n + "a:\n" for n in range(1_000)),
    "within the depth": lambda: HEAD + "spec: " + "[" * 95 + "]" * 95 + "\n",
    "aliases of itself": lambda: HEAD + "spec: &a [*a]\n",
    "a merge of itself": lambda: HEAD + "spec: &a {<<: *a}\n",
    "an unknown anchor": lambda: HEAD + "spec: *a\n",
    "100000 anchors": lambda: HEAD + "spec:\n" + many(30_000, "  aNNN: &aNNN {b: c}\n"),
    "an unknown tag": lambda: HEAD + "spec: !!python/object/apply:os.system ['touch owned']\n",
    "100000 open quotes": lambda: HEAD + "spec: '" + "a\n" * 100_000,
    **{f"{where} is {what}": partial(wrong_kind, where, what)
       for where in WHERE
       for what in ("null", "[]", "{}", "1", "'text'", "[null]", "[[]]", "[{}]", "{a: null}", "[1.5, true]")},
    # Hardly text.
    "bytes": lambda: bytes(range(256)) * 4_000,
    "NULs": lambda: b"\0" * 1_000_000,
    "NULs behind a graph": lambda: GRAPH.encode() + b"\0" * 1_000_000,
    "UTF-16": lambda: GRAPH.encode("utf-16"),
    "UTF-32": lambda: GRAPH.encode("utf-32"),
    "Latin-1": lambda: GRAPH.encode() + b"# \xe9\n",
    "surrogates": lambda: GRAPH.encode() + b"# \xed\xa0\x80\n",
    "escape codes": lambda: GRAPH + "# \x1b[31m\n",
    "line separators": lambda: graph(REPLICAS, f"      x: '{chr(0x2028) * 1_000}'\n"),
    "carriage returns": lambda: GRAPH.replace("\n", "\r"),
    "carriage returns only": lambda: b"\r" * 1_000_000,
    "byte order marks": lambda: "\ufeff" * 1_000 + GRAPH,
    "tabs": lambda: GRAPH.replace("  ", "\t"),
    "17 MiB": lambda: b"a" * (17 * 2**20),
    "15 MiB": lambda: b"# a\n" * (15 * 2**18) + GRAPH.encode(),
    "15 MiB and an emoji": lambda: ("# a\n" * (15 * 2**18) + "# \U0001f600\n" + GRAPH).encode(),
    "4 MiB of a graph": lambda: GRAPH + "# a\n" * 2**20,
    "2 MiB of a graph": lambda: GRAPH + "# a\n" * 2**19,
    "nothing": lambda: "",
    "an ELF program": lambda: b"\x7fELF\x02\x01\x01" + b"\0" * 500 + b"nvidia.com/v1beta1",
    "a zip archive": lambda: b"PK\x03\x04" + bytes(range(256)) * 100,
}  # fmt: skip
