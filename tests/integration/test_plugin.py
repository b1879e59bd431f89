"""The pytest plugin in a repository that is not ours."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from workshop import EXAMPLES

if TYPE_CHECKING:
    from workshop import Workshop

NO_TESTS, UNAVAILABLE = 5, 3


def plant(workshop: Workshop) -> None:
    """Lay an example out as a tree of its own."""
    folder = workshop.folder / "graphs" / "launch"
    (folder / "k8s").mkdir(parents=True)
    (folder / "local").mkdir()
    shutil.copy(EXAMPLES / "k8s" / "agg.yaml", folder / "k8s")
    shutil.copy(EXAMPLES / "local" / "agg.sh", folder / "local")
    (folder / "k8s" / "config.yaml").write_text("kind: ConfigMap\n", encoding="utf-8")


def test_nothing_is_collected_unless_paths_are_given(workshop: Workshop) -> None:
    plant(workshop)
    assert workshop.pytest("--collect-only").code == NO_TESTS


def test_a_folder_collects_its_manifests_and_no_script(workshop: Workshop) -> None:
    plant(workshop)
    text = workshop.pytest("--collect-only", "-q", "graphs").text
    assert "graphs/launch/k8s/agg.yaml::lint" in text
    assert "graphs/launch/k8s/agg.yaml::local::chat-stream" in text
    assert ".sh" not in text
    assert "config.yaml" not in text


def test_compose_files_alone_are_collected_for_compose(workshop: Workshop) -> None:
    plant(workshop)
    (workshop.folder / "graphs" / "launch" / "compose").mkdir()
    shutil.copy(EXAMPLES / "compose" / "agg.yaml", workshop.folder / "graphs/launch/compose")
    text = workshop.pytest("--collect-only", "-q", "graphs").text
    assert "launch/compose" not in text
    text = workshop.pytest("--collect-only", "-q", "--dynamo-target=compose", "graphs").text
    assert "graphs/launch/compose/agg.yaml::compose::chat-stream" in text
    assert "launch/k8s" not in text
    assert "launch/local" not in text


def test_without_docker_one_line_says_what_to_install(workshop: Workshop) -> None:
    plant(workshop)
    (workshop.folder / "graphs" / "launch" / "compose").mkdir()
    shutil.copy(EXAMPLES / "compose" / "agg.yaml", workshop.folder / "graphs/launch/compose")
    nowhere = workshop.folder / "nowhere"
    nowhere.mkdir()
    ended = workshop.pytest("--dynamo-target=compose", "graphs", env={"PATH": str(nowhere)})
    assert "install Docker Compose 2.24 or later: docker: No such file" in ended.text
    assert ended.code == UNAVAILABLE


def test_scripts_are_run_when_a_target_is_asked_for(workshop: Workshop) -> None:
    plant(workshop)
    ended = workshop.pytest("-q", "--dynamo-target=local", "graphs/launch/local")
    assert "graphs/launch/local/agg.sh" in ended.text
    assert "10 passed" in ended.text
    assert ended.code == 0
    assert workshop.left_behind() == []


def test_markers_choose_between_lint_and_serving(workshop: Workshop) -> None:
    plant(workshop)
    manifest = "graphs/launch/k8s/agg.yaml"
    assert "1 passed" in workshop.pytest("-m", "lint", manifest).text
    served = workshop.pytest("-m", "e2e", "--dynamo-target=local", manifest)
    assert "9 passed" in served.text
    assert "ready in" in served.text


def test_a_failed_example_keeps_its_logs(workshop: Workshop) -> None:
    path = workshop.changed("k8s/agg.yaml", ("- --model\n", "- --modle\n"))
    workshop.pytest("-m", "e2e", "--dynamo-artifacts", str(workshop.folder / "kept"), str(path))
    (log,) = (workshop.folder / "kept").rglob("VllmWorker.log")
    assert "unrecognized arguments: --modle" in log.read_text(encoding="utf-8")


def test_only_what_a_change_concerns_is_collected(workshop: Workshop) -> None:
    plant(workshop)
    git = ("git", "-c", "user.name=n", "-c", "user.email=e@example.com")
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "all")):
        subprocess.run([*git, *words], cwd=workshop.folder, check=True)
    command = ("--collect-only", "-q", "--dynamo-changed-since", "HEAD", "graphs")
    assert workshop.pytest(*command).code == NO_TESTS
    script = workshop.folder / "graphs" / "launch" / "local" / "agg.sh"
    script.write_text(f"{script.read_text('utf-8')}\n", encoding="utf-8")
    assert "graphs/launch/k8s/agg.yaml::lint" in workshop.pytest(*command).text
    wrong = workshop.pytest("--dynamo-changed-since", "no-such-branch", "graphs")
    assert "--dynamo-changed-since: no revision is called" in wrong.text


def test_a_socket_left_to_the_garbage_collector_fails_no_check_in_a_cluster(
    workshop: Workshop,
) -> None:
    test = workshop.folder / "test_left.py"
    test.write_text(
        "import gc, socket\n\ndef test_left():\n    socket.socket()\n    gc.collect()\n",
        encoding="utf-8",
    )
    strict = ("-W", "error", "-p", "no:cacheprovider")
    ini = workshop.folder / "pytest.ini"
    ini.write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    assert "1 failed" in workshop.pytest("test_left.py").text
    assert "1 passed" in workshop.pytest("--dynamo-target=kind", "test_left.py").text
    assert "1 failed" in workshop.pytest("--dynamo-target=kind", *strict, "test_left.py").text


LEAKY = """\
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {name: leaky}
spec:
  components:
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


def test_no_report_shows_a_secret(workshop: Workshop) -> None:
    token = "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789"
    (workshop.folder / "launch" / "k8s").mkdir(parents=True)
    manifest = workshop.folder / "launch" / "k8s" / "leaky.yaml"
    manifest.write_text(LEAKY.replace("TOKEN}]", f"{token}}}]"), encoding="utf-8")
    reports = (
        "--junitxml=out/junit.xml",
        "--dynamo-report=out/page.html",
        "--dynamo-artifacts=out",
    )
    ended = workshop.pytest(*reports, "--dynamo-timeout=20", "--dynamo-target=local", "launch")
    assert "last log lines" in ended.text
    written = [one for one in (workshop.folder / "out").rglob("*") if one.is_file()]
    assert {one.suffix for one in written} >= {".xml", ".html", ".log"}
    for text in (ended.text, *(one.read_text(encoding="utf-8") for one in written)):
        assert token not in text
        assert "4711-correct" not in text
