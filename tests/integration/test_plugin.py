"""The pytest plugin in a repository that is not ours."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.plugin.collect import SCRIPT_AREAS
from dynamo_conformance.probes.areas import load_probes
from dynamo_conformance.probes.probe import Profile
from dynamo_conformance.probes.run import chosen
from sandbox import EXAMPLES

if TYPE_CHECKING:
    from sandbox import Sandbox

NO_TESTS, UNAVAILABLE = 5, 3
CORE_PROBES = chosen(load_probes(), profile=Profile.CORE)
CORE = 1 + len(CORE_PROBES)
"""How many checks there are of a graph: `ready`, and the probes."""


def total(text: str) -> int:
    """Return how many checks a run of pytest ended with, whatever became of them."""
    line = next(line for line in reversed(text.splitlines()) if " passed" in line)
    return sum(int(count) for count in re.findall(r"(\d+) (?:passed|skipped|xfailed)", line))


def plant(sandbox: Sandbox) -> None:
    """Lay an example out as a tree of its own."""
    folder = sandbox.folder / "graphs" / "launch"
    (folder / "k8s").mkdir(parents=True)
    (folder / "local").mkdir()
    shutil.copy(EXAMPLES / "k8s" / "agg.yaml", folder / "k8s")
    shutil.copy(EXAMPLES / "local" / "agg.sh", folder / "local")
    (folder / "k8s" / "config.yaml").write_text("kind: ConfigMap\n", encoding="utf-8")


def test_nothing_is_collected_unless_paths_are_given(sandbox: Sandbox) -> None:
    plant(sandbox)
    assert sandbox.pytest("--collect-only").code == NO_TESTS


def test_a_folder_collects_its_manifests_and_no_script(sandbox: Sandbox) -> None:
    plant(sandbox)
    text = sandbox.pytest("--collect-only", "-q", "graphs").text
    assert "graphs/launch/k8s/agg.yaml::lint" in text
    assert "graphs/launch/k8s/agg.yaml::local::streaming.chat-done" in text
    assert "agg.sh" not in text
    assert "config.yaml" not in text


def test_compose_files_alone_are_collected_for_compose(sandbox: Sandbox) -> None:
    plant(sandbox)
    (sandbox.folder / "graphs" / "launch" / "compose").mkdir()
    shutil.copy(EXAMPLES / "compose" / "agg.yaml", sandbox.folder / "graphs/launch/compose")
    text = sandbox.pytest("--collect-only", "-q", "graphs").text
    assert "launch/compose" not in text
    text = sandbox.pytest("--collect-only", "-q", "--dynamo-target=compose", "graphs").text
    assert "graphs/launch/compose/agg.yaml::compose::streaming.chat-done" in text
    assert "launch/k8s" not in text
    assert "launch/local" not in text


def test_without_docker_one_line_says_what_to_install(sandbox: Sandbox) -> None:
    plant(sandbox)
    (sandbox.folder / "graphs" / "launch" / "compose").mkdir()
    shutil.copy(EXAMPLES / "compose" / "agg.yaml", sandbox.folder / "graphs/launch/compose")
    nowhere = sandbox.folder / "nowhere"
    nowhere.mkdir()
    ended = sandbox.pytest("--dynamo-target=compose", "graphs", env={"PATH": str(nowhere)})
    assert "install Docker Compose 2.24 or later: docker: No such file" in ended.text
    assert ended.code == UNAVAILABLE


def test_scripts_are_run_when_a_target_is_asked_for(sandbox: Sandbox) -> None:
    plant(sandbox)
    ended = sandbox.pytest("-q", "--dynamo-target=local", "graphs/launch/local")
    assert "graphs/launch/local/agg.sh" in ended.text
    assert re.search(r"script +PASS +PASS \d+, UNSUPPORTED", ended.text)
    assert ended.code == 0
    assert sandbox.left_behind() == []


def test_markers_choose_between_lint_and_serving(sandbox: Sandbox) -> None:
    plant(sandbox)
    manifest = "graphs/launch/k8s/agg.yaml"
    assert "1 passed" in sandbox.pytest("-m", "lint", manifest).text
    served = sandbox.pytest("-m", "e2e", "--dynamo-target=local", manifest)
    assert total(served.text) == CORE
    assert "ready in" in served.text


def test_a_failed_start_is_one_failure_and_the_rest_is_not_run(sandbox: Sandbox) -> None:
    path = sandbox.changed("k8s/agg.yaml", ("- --model\n", "- --modle\n"))
    ended = sandbox.pytest("-rs", "-m", "e2e", str(path))
    assert f"1 failed, {CORE - 1} skipped" in ended.text
    assert "not run: the graph did not come up, see `ready`" in ended.text
    assert re.search(rf"local +FAIL +FAIL 1, NOT RUN {CORE - 1} +failed: ready\n", ended.text)
    assert ended.code == 1
    # Whichever check is asked for first fails, so that a failed start never ends well.
    alone = sandbox.pytest("-m", "e2e", "-k", "chat.id or models.list", str(path))
    assert "component VllmWorker exited with code 2" in alone.text
    assert "1 failed, 2 skipped" in alone.text
    assert alone.code == 1


def test_a_failed_script_is_one_failure_too(sandbox: Sandbox) -> None:
    plant(sandbox)
    script = sandbox.folder / "graphs/launch/local/agg.sh"
    script.write_text("#!/bin/bash\nexit 7\n", encoding="utf-8")
    ended = sandbox.pytest("--dynamo-target=local", str(script))
    of_script = [probe for probe in CORE_PROBES if probe.area in SCRIPT_AREAS]
    assert f"1 failed, {len(of_script) + 1} skipped" in ended.text
    assert ended.code == 1


@pytest.mark.parametrize("folder", ["manifests", "graphs/k8s"])
def test_a_folder_whose_graphs_are_passed_over_says_so(sandbox: Sandbox, folder: str) -> None:
    shutil.copytree(EXAMPLES / "k8s", sandbox.folder / folder)
    ended = sandbox.pytest(folder)
    assert "files with a DynamoGraphDeployment were passed over" in ended.text
    assert f"such as: pytest {folder}/" in ended.text
    assert ended.code == NO_TESTS


def test_a_folder_without_graphs_says_nothing(sandbox: Sandbox) -> None:
    (sandbox.folder / "charts").mkdir()
    (sandbox.folder / "charts" / "values.yaml").write_text("a: 1\n", encoding="utf-8")
    assert "passed over" not in sandbox.pytest("charts").text


def test_the_table_is_whole_with_several_processes(sandbox: Sandbox) -> None:
    pytest.importorskip("xdist")
    plant(sandbox)
    shutil.copytree(EXAMPLES / "k8s", sandbox.folder / "more/launch/k8s")
    alone, several = (
        [
            line
            for line in sandbox.pytest(*words, "-m", "lint", "more").text.splitlines()
            if line.startswith("more/") and " lint " in line
        ]
        for words in ((), ("-n", "2"))
    )
    assert alone == several != []
    text = sandbox.pytest("-n", "2", "-m", "lint", "graphs").text
    assert "graphs/launch/k8s/agg.yaml  lint   PASS     PASS 1\n" in text
    text = sandbox.pytest("-n", "2", "--dist=loadfile", "--dynamo-target=local", "graphs").text
    for row in ("k8s/agg.yaml  local ", "local/agg.sh  script"):
        assert re.search(rf"graphs/launch/{row}  PASS     PASS \d+, .* ready in", text)


def test_ledger_and_page_are_whole_with_several_processes(sandbox: Sandbox) -> None:
    pytest.importorskip("xdist")
    plant(sandbox)
    ledger = ("--dynamo-ledger=graphs/ledger.json", "--dynamo-report=page.html")
    command = ("-n", "2", "--dist=loadscope", "graphs")
    text = sandbox.pytest(*ledger, *command).text
    assert re.search(r"graphs/launch/k8s/agg.yaml  local  PASS     PASS \d+, .* ready in", text)
    assert "graphs/ledger.json written" in text
    rows = json.loads((sandbox.folder / "graphs/ledger.json").read_text("utf-8"))
    levels = rows["launch/k8s/agg.yaml"]
    assert levels["lint"]["passed"] == "lint 1"
    assert levels["local"]["passed"].startswith("ready 1, models ")
    assert levels["local"]["profile"] == "core"
    page = (sandbox.folder / "page.html").read_text(encoding="utf-8")
    assert re.search(r'agg.yaml</a><td>local<td class="n PASS">\d+<', page)
    levels["local"]["passed"] += ", never-was 1"
    (sandbox.folder / "graphs/ledger.json").write_text(json.dumps(rows), encoding="utf-8")
    ended = sandbox.pytest("--dynamo-compare=graphs/ledger.json", *command)
    assert "the ledger has 1 of never-was passed; now: 0" in ended.text
    assert ended.code == 1


@pytest.mark.parametrize("target", ["compose", "kind", "cluster"])
def test_what_one_process_must_do_is_refused_to_several(sandbox: Sandbox, target: str) -> None:
    pytest.importorskip("xdist")
    plant(sandbox)
    context = ("--dynamo-kube-context=c",) if target == "cluster" else ()
    ended = sandbox.pytest("-n", "2", f"--dynamo-target={target}", *context, "graphs")
    assert f"--dynamo-target={target} runs several graphs at once by itself" in ended.text
    assert ended.code == pytest.ExitCode.USAGE_ERROR


def test_one_plan_in_two_versions_is_served_once(sandbox: Sandbox) -> None:
    plant(sandbox)
    folder = sandbox.folder / "graphs/launch/k8s"
    (folder / "v1alpha1").mkdir()
    shutil.copy(EXAMPLES / "k8s/v1alpha1/agg.yaml", folder / "v1alpha1")
    text = sandbox.pytest("-m", "e2e", "--junitxml=junit.xml", str(folder)).text
    (first, second) = re.findall(r"local  PASS     .*ready in .* s; plan (\w+)(?:;|\n)", text)
    assert first == second
    assert "served once, as graphs/launch/k8s/agg.yaml::local" in text
    junit = (sandbox.folder / "junit.xml").read_text(encoding="utf-8")
    assert len(re.findall(rf'"plan-sha256" value="{first}', junit)) == 2 * CORE
    other = (folder / "agg.yaml").read_text("utf-8").replace("replicas: 1", "replicas: 2")
    (folder / "agg.yaml").write_text(other, encoding="utf-8")
    assert "served once" not in sandbox.pytest("-m", "e2e", str(folder)).text


def test_a_failed_example_keeps_its_logs(sandbox: Sandbox) -> None:
    path = sandbox.changed("k8s/agg.yaml", ("- --model\n", "- --modle\n"))
    sandbox.pytest("-m", "e2e", "--dynamo-artifacts", str(sandbox.folder / "kept"), str(path))
    (log,) = (sandbox.folder / "kept").rglob("VllmWorker.log")
    assert "unrecognized arguments: --modle" in log.read_text(encoding="utf-8")


def test_only_what_a_change_concerns_is_collected(sandbox: Sandbox) -> None:
    plant(sandbox)
    git = ("git", "-c", "user.name=n", "-c", "user.email=e@example.com")
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "all")):
        subprocess.run([*git, *words], cwd=sandbox.folder, check=True)
    command = ("--collect-only", "-q", "--dynamo-changed-since", "HEAD", "graphs")
    assert sandbox.pytest(*command).code == NO_TESTS
    script = sandbox.folder / "graphs" / "launch" / "local" / "agg.sh"
    script.write_text(f"{script.read_text('utf-8')}\n", encoding="utf-8")
    assert "graphs/launch/k8s/agg.yaml::lint" in sandbox.pytest(*command).text
    wrong = sandbox.pytest("--dynamo-changed-since", "no-such-branch", "graphs")
    assert "--dynamo-changed-since: no revision is called" in wrong.text


def test_a_socket_left_to_the_garbage_collector_fails_no_check_in_a_cluster(
    sandbox: Sandbox,
) -> None:
    test = sandbox.folder / "test_left.py"
    test.write_text(
        "import gc, socket\n\ndef test_left():\n    socket.socket()\n    gc.collect()\n",
        encoding="utf-8",
    )
    strict = ("-W", "error", "-p", "no:cacheprovider")
    ini = sandbox.folder / "pytest.ini"
    ini.write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    assert "1 failed" in sandbox.pytest("test_left.py").text
    assert "1 passed" in sandbox.pytest("--dynamo-target=kind", "test_left.py").text
    assert "1 failed" in sandbox.pytest("--dynamo-target=kind", *strict, "test_left.py").text


LEAKY = """\
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {name: leaky}
spec:
  components:
    - name: Frontend
      type: frontend
      podTemplate:
        spec:
          containers:
            - name: main
              image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1
    - name: Worker
      type: worker
      podTemplate:
        spec:
          containers:
            - name: main
              image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1
              command: [sh, -c]
              args: ["echo error: key $HF_TOKEN; echo SECRET_KEY=4711-correct; exit 3"]
              env: [{name: HF_TOKEN, value: TOKEN}]
"""


def test_no_report_shows_a_secret(sandbox: Sandbox) -> None:
    token = "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789"
    (sandbox.folder / "launch" / "k8s").mkdir(parents=True)
    manifest = sandbox.folder / "launch" / "k8s" / "leaky.yaml"
    manifest.write_text(LEAKY.replace("TOKEN}]", f"{token}}}]"), encoding="utf-8")
    reports = (
        "--junitxml=out/junit.xml",
        "--dynamo-report=out/page.html",
        "--dynamo-artifacts=out",
    )
    ended = sandbox.pytest(*reports, "--dynamo-timeout=20", "--dynamo-target=local", "launch")
    assert "last log lines" in ended.text
    written = [one for one in (sandbox.folder / "out").rglob("*") if one.is_file()]
    assert {one.suffix for one in written} >= {".xml", ".html", ".log"}
    for text in (ended.text, *(one.read_text(encoding="utf-8") for one in written)):
        assert token not in text
        assert "4711-correct" not in text
