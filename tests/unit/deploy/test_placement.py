"""Processes that share machines: ports, GPUs and slots of their own."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from deploy_helpers import REPOSITORY, write
from dynamo_launch.deploy.outputs.slurm import _SLOTS
from dynamo_launch.deploy.shell_text import ShellText, command, expression, literal, word

if TYPE_CHECKING:
    from pathlib import Path

PUBLISHED = REPOSITORY / "tests" / "unit" / "deploy" / "published"
IMAGE = "nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1"

SMALL = "replicas: 3, resources: {cpu: 500m, memory: 2Gi}"


def config(folder: Path, *workers: str) -> Path:
    """Write a config of one frontend and some workers."""
    lines = [
        "name: g",
        "components:",
        f"  - {{name: front, args: [input=http, output=dyn], image: '{IMAGE}', {SMALL}}}",
        *(f"  - {{image: '{IMAGE}', args: [output=vllm], {one}}}" for one in workers),
    ]
    file = folder / "config.yaml"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def test_every_process_of_a_script_has_its_own_ports_and_gpus(tmp_path: Path) -> None:
    files = write(
        tmp_path / "out", "-f", str(PUBLISHED / "disagg_router.yaml"), "--target", "local"
    )
    text = files["vllm-disagg-router.sh"]
    assert re.findall(r"CUDA_VISIBLE_DEVICES=(\S+)", text) == ["0", "1", "2", "3"]
    assert re.findall(r"DYN_SYSTEM_PORT=(\$\S+|\"\S+\")", text)[0] == '"$SYSTEM_PORT"'
    assert re.findall(r"\$\(\((SYSTEM_PORT \+ \d)\)\)", text) == [
        f"SYSTEM_PORT + {number}" for number in (1, 2, 3)
    ]
    assert len(set(re.findall(r"NIXL_PORT \+ \d|\"\$NIXL_PORT\"", text))) == 4
    assert "tcp://*:'\"$KV_EVENTS_PORT\"'" in text
    assert "tcp://*:'\"$((KV_EVENTS_PORT + 1))\"'" in text


def test_ports_of_no_kind_are_counted_on(tmp_path: Path) -> None:
    file = config(
        tmp_path,
        "name: a, replicas: 2, environment: {DYN_TCP_RPC_PORT: 7000}",
        "name: b, environment: {DYN_TCP_RPC_PORT: 7001}",
    )
    text = write(tmp_path / "out", "-f", str(file), "--target", "local")["g.sh"]
    assert re.findall(r"DYN_TCP_RPC_PORT=(\d+)", text) == ["7000", "7001", "7002"]


def test_gpus_of_compose_are_not_shared(tmp_path: Path) -> None:
    file = config(
        tmp_path,
        "name: a, replicas: 2, resources: {gpu: 2}",
        "name: b, resources: {gpu: 1}",
    )
    text = write(tmp_path / "out", "-f", str(file), "--target", "compose")["compose.yaml"]
    found = re.findall(r'device_ids:((?:\n +- "\d+".*)+)', text)
    assert [re.findall(r"\d+(?=\")", one) for one in found] == [["0", "1"], ["2", "3"], ["4"]]


@pytest.mark.parametrize(
    ("workers", "slots", "asked"),
    [
        pytest.param(
            ["name: a, replicas: 2, resources: {cpu: 10, memory: 24Gi, gpu: 2}"],
            ["a_0, front_0, front_2", "a_1, front_1"],
            "--ntasks=2 --cpus-per-task=12 --mem-per-cpu=2390M --gpus-per-task=2",
            id="frontends beside workers",
        ),
        pytest.param(
            [
                "name: p, replicas: 3, resources: {cpu: 4, memory: 8Gi, gpu: 1}",
                "name: d, resources: {cpu: 8, memory: 8Gi, gpu: 2}",
            ],
            ["d", "p_0, p_1", "p_2, front_0, front_1, front_2"],
            "--ntasks=3 --cpus-per-task=8 --mem-per-cpu=2048M --gpus-per-task=2",
            id="small workers share the slot of a large one",
        ),
        pytest.param(
            ["name: m, engine: mocker, model: M, resources: {cpu: 2, memory: 2Gi}"],
            ["m", "front_0, front_1", "front_2"],
            "--ntasks=3 --cpus-per-task=2 --mem-per-cpu=2048M --gpus-per-task=0",
            id="without GPUs cores decide",
        ),
        pytest.param(
            ["name: w, nodes: 2, resources: {cpu: 8, memory: 8Gi, gpu: 8}"],
            ["w, front_0, front_2", "w, front_1"],
            "--ntasks=2 --nodes=2 --ntasks-per-node=1 --cpus-per-task=10 --mem-per-cpu=1229M "
            "--gpus-per-task=8",
            id="several nodes",
        ),
    ],
)
def test_slots(workers: list[str], slots: list[str], asked: str, tmp_path: Path) -> None:
    workers = [one.replace("name: m,", "name: m,") for one in workers]
    file = config(tmp_path, *workers)
    if "mocker" in workers[0]:
        file.write_text(file.read_text().replace("args: [output=vllm], ", ""))
    text = write(tmp_path / "out", "-f", str(file), "--target", "slurm")["g.sbatch"]
    assert re.findall(r"#   slot \d+: (.+)", text) == slots
    batch = " ".join(re.findall(r"#SBATCH (.+)", text)[2:])
    assert batch == asked


@pytest.mark.parametrize(
    ("counts", "expected"),
    [("1", "a"), ("2", "a a"), ("2(x3),1,3", "a a b b c c d e e e"), ("1(x5)", "a b c d e")],
)
def test_the_node_of_each_slot(counts: str, expected: str) -> None:
    script = f"scontrol() {{ printf '%s\\n' a b c d e; }}\n{_SLOTS}\necho \"${{slots[@]}}\""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={"SLURM_JOB_NODELIST": "a[1-5]", "SLURM_TASKS_PER_NODE": counts},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == expected


PORT, NEXT, A = (expression(code).pieces for code in ("$PORT", "$((PORT + 1))", "$A"))


@pytest.mark.parametrize(
    ("text", "expected", "meant"),
    [
        (ShellText(("plain",)), "plain", "plain"),
        (ShellText(("two words",)), "'two words'", "two words"),
        (ShellText(PORT), '"$PORT"', "1"),
        (ShellText(NEXT), "$((PORT + 1))", "2"),
        (ShellText(("tcp://*:", *PORT, "'")), "'tcp://*:'\"$PORT\"'\"'\"'", "tcp://*:1'"),
        (ShellText((*A, "/b")), '"$A"/b', "x/b"),
        (ShellText(("",)), "''", ""),
        (ShellText(), "''", ""),
    ],
)
def test_words_of_a_shell_are_what_they_were(text: ShellText, expected: str, meant: str) -> None:
    assert word(text).replace("''\"'\"''", "'\"'\"'") == expected
    said = subprocess.run(
        ["bash", "-c", f"PORT=1 A=x; printf %s {word(text)}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said == meant


def test_a_long_command_is_one_command() -> None:
    words = ["prog", "-m", "x", "--a", "1 2", *(f"--flag-{number}" for number in range(12))]
    lines = list(command(words, env={"A": literal("b c")}, indent="  "))
    assert len(lines) > 3
    assert all(len(line) <= 102 for line in lines)
    script = 'prog() { printf \'%s|\' "$A" "$@"; }\n' + "\n".join(lines)
    said = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.split("|")[:-1] == ["b c", *words[1:]]


def test_each_node_of_a_step_runs_its_part(tmp_path: Path) -> None:
    """A stand-in for srun runs a step's tasks one after the other, and tells what they become."""
    folder = tmp_path / "out"
    write(folder, "-f", str(PUBLISHED / "deepseek_r1" / "agg_dp.yaml"), "--target", "slurm")
    (folder / "hf-token-secret.env").write_text("HF_TOKEN=abc\n# A=b\nA B\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "scontrol").write_text("#!/bin/sh\necho first; echo second\n")
    (programs / "srun").write_text(
        "#!/usr/bin/env bash\ntrap 'kill $!; exit' TERM\n"
        "while [[ $1 == --* ]]; do [[ $1 == --ntasks=* ]] && tasks=${1#*=}; shift; done\n"
        'for ((task = 0; task < tasks; task++)); do SLURM_PROCID=$task "$@" & wait $!; done\n'
    )
    (programs / "python3").write_text(
        "#!/bin/sh\ncase $* in *frontend*) exec sleep 30 ;; esac\n"
        'echo "$SLURM_PROCID $HF_TOKEN $HF_HOME $VLLM_NIXL_SIDE_CHANNEL_HOST: $*"\n'
    )
    for one in programs.iterdir():
        one.chmod(0o755)
    env = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "SLURM_JOB_ID": "7",
        "SLURM_JOB_NODELIST": "n",
        "SLURM_STEP_NODELIST": "n",
        "SLURM_TASKS_PER_NODE": "1(x2)",
    }
    done = subprocess.run(
        ["bash", folder / "vllm-dsr1-dp.sbatch"],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Frontend answers at http://first:8000" in done.stdout
    lines = [one for one in done.stdout.splitlines() if "dynamo.vllm" in one]
    assert len(lines) == 2, done.stderr
    for task, line in enumerate(lines):
        start = f"{task} abc {folder}/volumes/model-cache "
        assert line.startswith(start)
        assert re.match(r"\d+\.\d+\.\d+\.\d+: -m dynamo.vllm ", line.removeprefix(start))
        assert f"--data-parallel-start-rank {8 * task} " in line
        assert "--data-parallel-address first " in line
        assert "--data-parallel-size-local 8" in line
