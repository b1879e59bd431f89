"""Measure `dynamo lint` beside kubectl-validate and kubeconform, as whole processes.

    python tools/bench_lint.py [--files 300] [--rounds 7] [--grow 1000,3000,10000]

The two others take part when they are on PATH. Everything is made in a temporary folder: the
manifests (the examples, and the cases that a real API server has judged, again and again), and what
the others need of the CRD. The contenders take turns, so that a busy moment hits all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain, cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO


class Version(TypedDict):
    """One version of a CustomResourceDefinition, as far as it is read here."""

    name: str
    schema: dict[str, Json]


class Spec(TypedDict):
    """What a CustomResourceDefinition defines."""

    versions: list[Version]


class Definition(TypedDict):
    """A CustomResourceDefinition."""

    spec: Spec


Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "tests/data/observed/admission.yaml"
CRDS = ROOT / "conformance/dynamo_conformance/api/data"
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
SAMPLE_SECONDS = 0.005
_GO_MODULE = re.compile(rb"\nmod\t\S+\t(v[0-9]\S*)\t")
_GO_MODULE_BYTES = 500


class BenchError(RuntimeError):
    """A contender that did not do the work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A command that judges manifests.

    Attributes:
        name: What the tables call it.
        words: The command line.
        judged: What its output says once for each file, or once with the number of files; None
            when that is not of interest.
        environment: What its environment has beside ours.
    """

    name: str
    words: tuple[str, ...]
    judged: re.Pattern[str] | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def over(self, *words: str) -> Contender:
        """Return it with what it is to judge."""
        return replace(self, words=(*self.words, *words))


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run of a process, and of those it started, took.

    Attributes:
        wall: Seconds.
        cpu: Seconds of all cores, user and system.
        peak: The most memory of any one process, in MiB.
    """

    wall: float
    cpu: float
    peak: float


# --- what is judged ---------------------------------------------------------------------------


def manifests() -> tuple[str, ...]:
    """Return the text of every example and of every recorded case, as they are."""
    examples = sorted((ROOT / "examples/llm").glob("**/k8s/**/*.yaml"))
    cases = RECORDED.read_text(encoding="utf-8").split("\n---\n")
    recorded = (textwrap.dedent(case.partition("\nmanifest:\n")[2]) for case in cases)
    return (*(path.read_text(encoding="utf-8") for path in examples), *recorded)


def write_corpus(folder: Path, count: int) -> Path:
    """Write `count` files into `folder`, no two of them alike, and return it."""
    folder.mkdir(parents=True)
    for index, text in enumerate(islice(cycle(manifests()), count)):
        head = f"# manifest {index}\n"
        (folder / f"{index:05}.yaml").write_text(head + text.rstrip("\n") + "\n", encoding="utf-8")
    return folder


# --- what the others need of the CRD ------------------------------------------------------------


def definition() -> Definition:
    """Return the CRD that the linter judges by."""
    (path,) = CRDS.glob("dynamographdeployments-*.json")
    crd: Definition = json.loads(path.read_bytes())["crd"]
    return crd


def write_crd(folder: Path) -> Path:
    """Write the CRD as kubectl-validate reads it, and return the folder."""
    folder.mkdir()
    # JSON is YAML; writing it with PyYAML makes this process large, see `measure`.
    (folder / "crd.yaml").write_text(json.dumps(definition()), encoding="utf-8")
    return folder


def write_schemas(folder: Path) -> Path:
    """Write the CRD's schemas as kubeconform reads them, and return the folder."""
    folder.mkdir()
    for version in definition()["spec"]["versions"]:
        schema = draft4(version["schema"]["openAPIV3Schema"])
        path = folder / f"dynamographdeployment-{version['name']}.json"
        path.write_text(json.dumps(schema), encoding="utf-8")
    return folder


def draft4(schema: Json, *, names_are_data: bool = False) -> Json:
    """Return a structural schema as JSON schema draft 4, which refuses unknown fields.

    Under `properties` a key is a field's name and no keyword.
    """
    if isinstance(schema, list):
        return [draft4(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if names_are_data:
        return {name: draft4(child) for name, child in schema.items()}
    if schema.get("x-kubernetes-int-or-string"):
        kept = {name: value for name, value in schema.items() if name not in ("anyOf", "type")}
        return {**kept, "type": ["integer", "string"]}
    made = {
        name: draft4(value, names_are_data=name == "properties")
        for name, value in schema.items()
        if not (name == "required" and value == [])
    }
    closed = "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields")
    return {"additionalProperties": False, **made} if closed else made


# --- the contenders -----------------------------------------------------------------------------


def dynamo(name: str, *options: str, cache: Path | None = None) -> Contender:
    """Return `dynamo lint` with `options`, as it is installed beside this Python."""
    command = str(Path(sys.executable).parent / "dynamo")
    environment = {"XDG_CACHE_HOME": str(cache)} if cache is not None else {}
    uncached = () if cache is not None else ("--no-cache",)
    judged = re.compile(r"graphs? in (\d+) files? checked")
    return Contender(
        name=name,
        words=(command, "lint", *uncached, *options),
        judged=judged,
        environment=environment,
    )


def own_contenders(folder: Path) -> tuple[Contender, ...]:
    """Return the ways to run `dynamo lint`."""
    return (
        dynamo("dynamo lint --only api --no-cache", "--only", "api"),
        dynamo("dynamo lint --no-cache"),
        dynamo("dynamo lint, warm cache", cache=folder / "cache"),
    )


def other_contenders(folder: Path) -> tuple[Contender, ...]:
    """Return the other tools that are on PATH."""
    contenders = []
    if shutil.which("kubeconform"):
        location = f"{write_schemas(folder / 'schemas')}/{{{{.ResourceKind}}}}-"
        words = ("kubeconform", "-strict", "-summary", "-schema-location")
        contenders.append(
            Contender(
                name=f"kubeconform {go_version('kubeconform')}",
                words=(*words, location + "{{.ResourceAPIVersion}}.json"),
                judged=re.compile(r"in (\d+) files?"),
            )
        )
    if shutil.which("kubectl-validate"):
        contenders.append(
            Contender(
                name=f"kubectl-validate {go_version('kubectl-validate')}",
                words=("kubectl-validate", "--local-crds", str(write_crd(folder / "crds"))),
                judged=re.compile(r"\.yaml\S*\.\.\.\S*(?:OK|ERROR)"),
                environment={"KUBECONFIG": os.devnull},
            )
        )
    return tuple(contenders)


def go_version(command: str) -> str:
    """Return the version of the module that a Go program was built from, or an empty string."""
    program = shutil.which(command)
    if program is None:
        return ""
    before = b""
    with Path(program).open("rb") as binary:
        # In pieces: this process stays small, see `measure`.
        while piece := binary.read(2**20):
            if match := _GO_MODULE.search(before + piece):
                return match[1].decode()
            before = piece[-_GO_MODULE_BYTES:]
    return ""


# --- measuring ----------------------------------------------------------------------------------


def measure(contender: Contender, *, files: int | None = None) -> Run:
    """Run a contender once, and see that it judged `files` files.

    The kernel counts a process from when it is forked, so none seems smaller than this one here.

    Raises:
        BenchError: It did not.
    """
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = _start(contender, output)
        _pid, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode()
    if process.returncode not in (0, 1):
        raise BenchError(f"{contender.name} ended with {process.returncode}: {text[-500:]}")
    if contender.judged is not None and files is not None:
        prove(contender, text, judged=contender.judged, files=files)
    cpu = usage.ru_utime + usage.ru_stime
    return Run(wall=wall, cpu=cpu, peak=usage.ru_maxrss / 1024)


def _start(contender: Contender, output: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        contender.words,
        env={**_environment(), **contender.environment},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
    )


def _environment() -> dict[str, str]:
    """Return ours, but let Python keep what it compiles, as an installed program has it."""
    return {name: value for name, value in os.environ.items() if name != NO_BYTECODE}


def prove(contender: Contender, output: str, *, judged: re.Pattern[str], files: int) -> None:
    """Check that every file was judged, so that nobody is fast by doing less.

    Raises:
        BenchError: Some were not.
    """
    counts = judged.findall(output)
    count = int(counts[0]) if len(counts) == 1 and counts[0].isdigit() else len(counts)
    if count != files:
        raise BenchError(f"{contender.name} judged {count} of {files} files")


def take_turns(
    contenders: tuple[Contender, ...], *, rounds: int, files: int | None = None
) -> dict[str, list[Run]]:
    """Run every contender `rounds` times, by name; the first turn is not counted."""
    runs: dict[str, list[Run]] = {contender.name: [] for contender in contenders}
    for turn in range(rounds + 1):
        for contender in contenders:
            run = measure(contender, files=files)
            if turn:
                runs[contender.name].append(run)
    return runs


def shared_memory(contender: Contender) -> float:
    """Return the most memory of all its processes together, in MiB; what they share counts once.

    It is looked up again and again while the contender runs, so that run's time says nothing.
    """
    most = 0
    with tempfile.TemporaryFile() as output:
        process = _start(contender, output)
        while process.poll() is None:
            most = max(most, sum(_proportional_kib(pid) for pid in _tree(process.pid)))
            time.sleep(SAMPLE_SECONDS)
    return most / 1024


def _tree(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError):  # It may end while we look.
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))


def _proportional_kib(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


# --- the tables ---------------------------------------------------------------------------------


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table in Markdown; all columns but the first hold numbers."""
    lines = [head, ("---", *("---:" for _ in head[1:])), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def seconds(runs: list[Run]) -> str:
    """Return the median of the wall times, and the least and the most."""
    walls = [run.wall for run in runs]
    return f"{statistics.median(walls):.3f} ({min(walls):.3f}-{max(walls):.3f})"


def side_by_side(runs: dict[str, list[Run]]) -> str:
    """Return the table of all contenders over the same files, fastest last."""
    walls = {name: statistics.median(run.wall for run in group) for name, group in runs.items()}
    slowest = max(walls.values())
    rows = (
        (
            name,
            seconds(group),
            f"{statistics.median(run.cpu for run in group):.3f}",
            f"{max(run.peak for run in group):.0f}",
            f"{slowest / walls[name]:.1f}",
        )
        for name, group in sorted(runs.items(), key=lambda item: -walls[item[0]])
    )
    return table(("", "seconds (min-max)", "CPU seconds", "peak MiB", "times as fast"), rows)


def growth(
    contenders: tuple[Contender, ...], folder: Path, *, sizes: tuple[int, ...], rounds: int
) -> str:
    """Return the table of how time and memory grow with the number of files."""
    rows: dict[str, list[tuple[str, ...]]] = {contender.name: [] for contender in contenders}
    for size in sizes:
        corpus = write_corpus(folder / str(size), size)
        judging = tuple(contender.over(str(corpus)) for contender in contenders)
        runs = take_turns(judging, files=size, rounds=rounds)
        for contender in judging:
            measured = runs[contender.name]
            cpu = statistics.median(run.cpu for run in measured) / size * 1000
            memory = (max(run.peak for run in measured), shared_memory(contender))
            numbers = (f"{cpu:.2f}", *(f"{value:.0f}" for value in memory))
            rows[contender.name].append((contender.name, str(size), seconds(measured), *numbers))
        shutil.rmtree(corpus)
    head = ("", "files", "seconds (min-max)", "CPU ms per file", "peak MiB", "together MiB")
    return table(head, chain.from_iterable(rows.values()))


def starting(file: Path, folder: Path, *, rounds: int) -> str:
    """Return the table of what the smallest runs take."""
    lint = dynamo("dynamo lint --no-cache FILE")
    warm = dynamo("dynamo lint FILE, warm cache", cache=folder / "cache")
    cases = (
        Contender(name="python -c pass", words=(sys.executable, "-c", "pass")),
        replace(lint, name="dynamo lint --help").over("--help"),
        lint.over(str(file)),
        warm.over(str(file)),
    )
    runs = take_turns(cases, rounds=rounds)
    rows = ((name, seconds(measured)) for name, measured in runs.items())
    return table(("", "seconds (min-max)"), rows)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=300, help="for the comparison")
    parser.add_argument("--rounds", type=int, default=7, help="how often everything runs")
    parser.add_argument("--grow", default="1000,3000,10000", help="numbers of files; may be empty")
    options = parser.parse_args()
    sizes = tuple(int(size) for size in options.grow.split(",") if size)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = write_corpus(folder / "corpus", options.files)
        own, others = own_contenders(folder), other_contenders(folder)
        print(
            f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.platform()}\n"
        )
        print(starting(corpus / "00000.yaml", folder, rounds=options.rounds), flush=True)
        everyone = tuple(tool.over(str(corpus)) for tool in (*own, *others))
        runs = take_turns(everyone, files=options.files, rounds=options.rounds)
        print(f"\n{options.files} files\n\n{side_by_side(runs)}", flush=True)
        # The slowest would take minutes here, and has no goal.
        growing = (*own, *(tool for tool in others if tool.name.startswith("kubeconform")))
        rounds = max(options.rounds // 2, 1)
        if sizes:
            print(f"\n{growth(growing, folder, sizes=sizes, rounds=rounds)}")


if __name__ == "__main__":
    main()
