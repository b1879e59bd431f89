"""`dynamo up`: says when the graph truly answers, ends at once when it must, leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from sandbox import Sandbox

SECONDS = 30.0


def read_until(process: subprocess.Popen[str], words: str) -> list[str]:
    """Return the lines up to the one that holds `words`; a silent process is ended."""
    lines: list[str] = []
    assert process.stdout is not None
    watchdog = threading.Timer(SECONDS, process.kill)
    watchdog.start()
    try:
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if words in line:
                return lines
    finally:
        watchdog.cancel()
    raise AssertionError("\n".join(lines[-20:]))


def worker_pid(folder: Path) -> int:
    """Return the process that plays the engine for a graph started in `folder`."""
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
            mine = str(folder).encode() in (entry / "environ").read_bytes()
        except OSError:
            continue
        if mine and command[:3] == [b"python3", b"-m", b"dynamo.vllm"]:
            return int(entry.name)
    raise AssertionError("no worker runs")


@pytest.mark.parametrize(
    ("command", "model"),
    [
        ("exec python3 -m dynamo.vllm --model $MODEL_NAME", "acme/from-the-environment"),
        ('ARGS=(--model "${OTHER:-acme/default}")\nexec python3 -m dynamo.vllm "${ARGS[@]}"',
         "acme/default"),
        ("exec python3 -m dynamo.vllm --model $(echo acme/of-a-command)", "acme/of-a-command"),
    ],
)  # fmt: skip
def test_the_model_is_the_one_that_the_shell_passes(
    sandbox: Sandbox, command: str, model: str
) -> None:
    path = sandbox.folder / "scripted.yaml"
    path.write_text(SCRIPTED.replace("SCRIPT", json.dumps(command)))
    process = sandbox.start("up", str(path), "--for", "0")
    lines = read_until(process, "answers as")
    assert f"answers as {model} at" in lines[-1]
    process.communicate(timeout=SECONDS)
    assert process.returncode == 0


SCRIPTED = """\
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {name: scripted}
spec:
  services:
    Frontend:
      componentType: frontend
      extraPodSpec: {mainContainer: {image: "nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1"}}
    Worker:
      componentType: worker
      resources: {limits: {gpu: "1"}}
      extraPodSpec:
        mainContainer:
          image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1
          env: [{name: MODEL_NAME, value: acme/from-the-environment}]
          command: [/bin/bash, -c]
          args: [SCRIPT]
"""


def test_the_endpoint_is_printed_when_it_answers(sandbox: Sandbox) -> None:
    path = sandbox.changed("k8s/agg.yaml")
    process = sandbox.start("up", str(path))
    try:
        lines = read_until(process, "answers as")
        url = lines[-1].split()[-1]
        listed = requests.get(f"{url}/models", timeout=10).json()["data"]
        assert [one["id"] for one in listed] == ["Qwen/Qwen3-0.6B"]
        assert any(line.startswith("Frontend | ") for line in lines)
        assert any(line.startswith("VllmWorker | ") for line in lines)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert sandbox.left_behind() == []


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["changed for this machine", "Frontend | ", "answers as"])
def test_it_ends_cleanly_at_every_stage(sandbox: Sandbox, end: signal.Signals, moment: str) -> None:
    path = sandbox.changed("k8s/disagg.yaml")
    process = sandbox.start("up", str(path))
    read_until(process, moment)
    process.send_signal(end)
    process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + end
    assert sandbox.left_behind() == []


def test_a_worker_killed_by_hand_ends_it_at_once(sandbox: Sandbox) -> None:
    path = sandbox.changed("k8s/agg.yaml")
    started = time.monotonic()
    process = sandbox.start("up", str(path))
    read_until(process, "answers as")
    took = time.monotonic() - started
    os.kill(worker_pid(sandbox.folder), signal.SIGKILL)
    killed = time.monotonic()
    text, _ = process.communicate(timeout=SECONDS)
    # Or, on a busy machine, as long as it took to start.
    assert time.monotonic() - killed < max(10.0, 2 * took)
    assert process.returncode == 1
    assert "component VllmWorker was ended by SIGKILL" in text
    assert "something outside killed it" in text
    assert sandbox.left_behind() == []


def test_two_graphs_at_once_do_not_collide(sandbox: Sandbox) -> None:
    path = sandbox.changed("k8s/agg_router.yaml")
    processes = [sandbox.start("up", str(path)) for _ in range(2)]
    urls = {read_until(one, "answers as")[-1].split()[-1] for one in processes}
    for one in processes:
        one.send_signal(signal.SIGINT)
        one.communicate(timeout=SECONDS)
    assert len(urls) == 2
    assert [one.returncode for one in processes] == [130, 130]
    assert sandbox.left_behind() == []


def test_when_the_command_itself_is_killed_nothing_is_left(sandbox: Sandbox) -> None:
    path = sandbox.changed("k8s/agg.yaml")
    process = sandbox.start("up", str(path))
    read_until(process, "answers as")
    process.kill()
    process.communicate(timeout=SECONDS)
    assert sandbox.left_behind() == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1\n", "not YAML"),
        ("apiVersion: v1\nkind: ConfigMap\n", "holds no DynamoGraphDeployment"),
    ],
)
def test_what_is_no_graph_is_wrong_usage(sandbox: Sandbox, text: str, words: str) -> None:
    path = sandbox.folder / "f.yaml"
    path.write_text(text, encoding="utf-8")
    ended = sandbox.dynamo("up", str(path))
    assert ended.code == 2
    assert words in ended.text


def pick(change: Callable[[str], str], sandbox: Sandbox, *words: str) -> str:
    path = sandbox.changed("k8s/agg.yaml")
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    return sandbox.dynamo("up", str(path), *words).text


def test_a_file_with_two_graphs_asks_which(sandbox: Sandbox) -> None:
    def double(text: str) -> str:
        return f"{text}---\n{text.replace('vllm-agg', 'other')}"

    assert "choose one with --name: vllm-agg, other" in pick(double, sandbox)
    words = pick(double, sandbox, "--name", "vllm-ag")
    assert 'holds no graph vllm-ag; did you mean "vllm-agg"?' in words


@pytest.mark.parametrize(
    "word",
    [
        *("gpt2", "./models/x", "s3://bucket/m", "/mnt/m", "a model/x y"),
        *("C:\\m\\x", "o/n:rev", "größe", ".."),
    ],
)
def test_any_word_for_a_model_is_served(sandbox: Sandbox, word: str) -> None:
    path = sandbox.changed("k8s/agg.yaml", ("Qwen/Qwen3-0.6B", f"'{word}'"))
    ended = sandbox.dynamo("up", str(path), "--for", "0")
    assert ended.code == 0, ended.text
    assert f"answers as {word} at " in ended.text
    assert sandbox.left_behind() == []


@pytest.mark.parametrize(
    ("word", "reason"),
    [("", "the model is an empty text"), ("x" * 300, "a model's name of 300 characters")],
)
def test_a_word_that_no_engine_or_frontend_takes_is_refused_at_once(
    sandbox: Sandbox, word: str, reason: str
) -> None:
    path = sandbox.changed("k8s/agg.yaml", ("Qwen/Qwen3-0.6B", f"'{word}'"), engine="sglang")
    ended = sandbox.dynamo("up", str(path), "--for", "0")
    assert ended.code == 1
    assert reason in ended.text
    # A frontend that is ended while it starts has one of its own.
    own = [line for line in ended.text.splitlines() if " | " not in line]
    assert not any("Traceback" in line for line in own)


def test_a_model_may_come_from_a_config_map_of_the_file(sandbox: Sandbox) -> None:
    path = sandbox.changed(
        "k8s/agg.yaml",
        ("Qwen/Qwen3-0.6B", "$(M)"),
        ("secretRef", "configMapRef"),
        ("hf-token-secret", "m"),
    )
    text = path.read_text(encoding="utf-8")
    beside = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {M: org/mapped}\n---\n"
    path.write_text(beside + text, encoding="utf-8")
    ended = sandbox.dynamo("up", str(path), "--for", "0")
    assert ended.code == 0, ended.text
    assert "answers as org/mapped at " in ended.text


GRACE = "DYN_GRACEFUL_SHUTDOWN_GRACE_PERIOD_SECS"
OWN_GRACE = f"env: [{{name: {GRACE}, value: '5'}}]"


@pytest.mark.parametrize(("env", "least", "most"), [(OWN_GRACE, 5.0, 8.0), ("env: []", 0.0, 4.5)])
def test_a_worker_waits_at_its_end_only_when_its_manifest_says_so(
    sandbox: Sandbox, env: str, least: float, most: float
) -> None:
    """Five seconds are what Dynamo itself has a worker wait for requests that are under way."""
    folder = "workingDir: /workspace/example"
    path = sandbox.changed("k8s/own_worker.yaml", (folder, f"{folder}\n              {env}"))
    process = sandbox.start("up", str(path))
    read_until(process, "answers as")
    before = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=SECONDS)
    assert least <= time.monotonic() - before < most
    assert sandbox.left_behind() == []


def test_an_engine_on_a_cpu_needs_a_model_that_it_can_make(sandbox: Sandbox) -> None:
    path = sandbox.changed("k8s/agg.yaml", ("Qwen/Qwen3-0.6B", "acme/own-model"))
    ended = sandbox.dynamo("up", "--engine=cpu", str(path))
    assert ended.code == 1
    assert "no tiny model stands for acme/own-model" in ended.text
    assert "--engine=mock serves any name" in ended.text


@pytest.mark.skipif(find_spec("torch") is not None, reason="an engine is in this environment")
def test_an_engine_on_a_cpu_must_be_in_the_environment(sandbox: Sandbox) -> None:
    ended = sandbox.dynamo("up", "--engine=cpu", str(sandbox.changed("k8s/agg.yaml")))
    assert ended.code == 1
    # Nothing makes the weights, or, where they are kept from another run, nothing loads them.
    assert "ModuleNotFoundError" in ended.text
