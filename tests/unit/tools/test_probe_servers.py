"""Servers of others are started and ended whole, and what they do otherwise was looked at."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from probes_md import read_records, read_remarks

from dynamo_conformance.probes.areas import load_probes
from probe_servers import Server, running, summed

if TYPE_CHECKING:
    from probe_servers import Judged

TOOLS = Path(__file__).parents[3] / "tools"
GOOD = """
    import json, subprocess, sys
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from pathlib import Path

    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path("child").write_text(str(child.pid))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            raw = json.dumps({"data": [{"id": "m"}]}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_POST = do_GET

    HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
BAD = "raise SystemExit('no such model')"


def server(folder: Path, text: str) -> Server:
    script = folder / "server.py"
    script.write_text(textwrap.dedent(text), encoding="utf-8")
    return Server(title="", start=("PYTHON", str(script), "PORT"), packages=())


def is_running(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"


def test_a_server_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    with running(server(tmp_path, GOOD), sys.executable, tmp_path) as url:
        assert url.startswith("http://127.0.0.1:")
        child = int((tmp_path / "child").read_text(encoding="utf-8"))
        assert is_running(child)
    deadline = time.monotonic() + 5
    while is_running(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_server_is_ended_when_the_script_is(tmp_path: Path) -> None:
    made = server(tmp_path, GOOD)
    code = (
        "import sys, time; from pathlib import Path; import probe_servers as p\n"
        "p.end_on_signals()\n"
        "made = p.Server(title='', start=tuple(sys.argv[2:]), packages=())\n"
        "with p.running(made, sys.executable, Path(sys.argv[1])):\n"
        "    print('up', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), *made.start],
        stdout=subprocess.PIPE, cwd=TOOLS,
    ) as script:  # fmt: skip
        assert script.stdout is not None
        assert script.stdout.readline() == b"up\n"
        child = int((tmp_path / "child").read_text(encoding="utf-8"))
        script.terminate()
        assert script.wait(30) == 128 + signal.SIGTERM
    deadline = time.monotonic() + 5
    while is_running(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_server_that_dies_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(SystemExit, match="did not come up:\nno such model"),
        running(server(tmp_path, BAD), sys.executable, tmp_path),
    ):
        pass


def test_what_is_kept_of_a_run() -> None:
    results: list[Judged] = [
        {"id": "a.one", "area": "a", "outcome": "PASS"},
        {"id": "a.two", "area": "a", "outcome": "FAIL", "expected": "x", "got": "y" * 900},
        {"id": "b.one", "area": "b", "outcome": "UNSUPPORTED", "reason": "no b"},
    ]
    record = summed("s", Server(title="S", start=("s",), packages=()), {}, {}, results)
    assert record["areas"] == {"a": {"PASS": 1, "FAIL": 1}, "b": {"UNSUPPORTED": 1}}
    assert [(one["id"], len(one["got"])) for one in record["failures"]] == [("a.two", 200)]
    assert record["unsupported"] == {"no b": ["b.one"]}
    json.dumps(record)


def test_what_others_do_otherwise_was_looked_at() -> None:
    remarks = read_remarks()
    looked_at = {
        name: [probe for one in rows for probe in one["probes"]] for name, rows in remarks.items()
    }
    known = {one.id for one in load_probes()}
    for name, probes in looked_at.items():
        assert {*probes} <= known
        assert len(probes) == len({*probes}), name
    for record in read_records():
        if record["server"] in looked_at:
            failed = {one["id"] for one in record["failures"]}
            assert failed - {*looked_at[record["server"]]} == set()
