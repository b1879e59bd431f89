"""Other people's CI: the pre-commit hook and the GitHub action, run as their programs run them.

Both install this project into environments of their own, once for all tests here; all of it takes
about 20 seconds, most of it pip's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
import yaml

from dynamo_conformance.api.operator_releases import RECORDED_OPERATOR
from sandbox import EXAMPLES, REPOSITORY, Ended

if TYPE_CHECKING:
    from pathlib import Path

# With pytest-xdist, what is installed is installed once.
pytestmark = pytest.mark.xdist_group("ci_hooks")

SECONDS = 300.0
TAG = "v0.1.0"
SHIPPED = (
    ".pre-commit-hooks.yaml",
    "LICENSE",
    "README.md",
    "action.yml",
    "conformance",
    "launch",
    "pyproject.toml",
)
DATA = REPOSITORY / "conformance" / "dynamo_conformance" / "api" / "data"
CRD = DATA / f"dynamographdeployments-{RECORDED_OPERATOR}.json"
CI_DOCS = REPOSITORY / "docs" / "ci"
GOOD = (EXAMPLES / "k8s" / "agg.yaml").read_text(encoding="utf-8")
BROKEN = GOOD.replace("replicas: 1", "replica: 1", 1)
OTHER_KIND = "kind: ConfigMap\n"
TEMPLATE = "{{- if .Values.on }}\nkind: ConfigMap\n{{- end }}\n"
INPUT = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")


def environment(folder: Path) -> dict[str, str]:
    """Return this environment without what its owner has set up for git and Python."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    kept.pop("PYTHONPATH", None)
    who = {
        f"GIT_{role}_{what}": word
        for role in ("AUTHOR", "COMMITTER")
        for what, word in (("NAME", "somebody"), ("EMAIL", "somebody@example.com"))
    }
    git = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **who}
    return {**kept, **git, "XDG_CACHE_HOME": str(folder / "cache")}


def run(*words: str, folder: Path, env: dict[str, str]) -> Ended:
    done = subprocess.run(
        words,
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Ended(done.returncode, done.stdout + done.stderr)


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository."""

    folder: Path
    env: dict[str, str]

    def git(self, *words: str) -> None:
        ended = run("git", *words, folder=self.folder, env=self.env)
        assert ended.code == 0, ended.text

    def write(self, **texts: str) -> None:
        """Write files; `_` stands for the dot before `yaml` and the like."""
        for name, text in texts.items():
            (self.folder / name.replace("_", ".")).write_text(text, encoding="utf-8")

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "something")


def new_repository(folder: Path, env: dict[str, str]) -> Repository:
    folder.mkdir(parents=True, exist_ok=True)
    repository = Repository(folder, env)
    repository.git("init", "--quiet", "--initial-branch", "main")
    return repository


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """This project as others get it: a repository with a tag."""
    base = tmp_path_factory.mktemp("published")
    repository = new_repository(base / "checkout", environment(base))
    for name in SHIPPED:
        source, target = REPOSITORY / name, repository.folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    repository.commit()
    repository.git("tag", TAG)
    return repository


@pytest.fixture
def theirs(tmp_path: Path) -> Repository:
    return new_repository(tmp_path / "theirs", environment(tmp_path))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which pre-commit keeps the environments of hooks."""
    return tmp_path_factory.mktemp("pre-commit")


class TestPreCommit:
    @pytest.mark.parametrize(
        ("texts", "expected"),
        [
            ({"a_yaml": GOOD}, Ended(0, "Passed")),
            ({"a_yaml": GOOD, "b_yml": OTHER_KIND, "c_yaml": TEMPLATE}, Ended(0, "Passed")),
            ({"b_yml": OTHER_KIND}, Ended(0, "Passed")),
            ({"c_yaml": TEMPLATE}, Ended(0, "Passed")),
            ({"d_txt": BROKEN}, Ended(0, "(no files to check)Skipped")),
            ({"a_yaml": BROKEN, "b_yml": OTHER_KIND}, Ended(1, 'did you mean "replicas"?')),
        ],
        ids=["good", "mixed", "another kind", "template", "no yaml", "broken"],
    )
    def test_a_commit(
        self,
        theirs: Repository,
        published: Repository,
        home: Path,
        texts: dict[str, str],
        expected: Ended,
    ) -> None:
        theirs.write(**texts)
        theirs.git("add", "--all")
        config = (CI_DOCS / "pre-commit-config.yaml").read_text(encoding="utf-8")
        config = config.replace("https://github.com/OWNER/REPO", str(published.folder))
        theirs.write(**{"pre-commit_yaml": config})
        theirs.git("add", "pre-commit.yaml")
        ended = run(
            *(sys.executable, "-m", "pre_commit", "run", "--config", "pre-commit.yaml"),
            *("--files", *(name.replace("_", ".") for name in texts)),
            folder=theirs.folder,
            env={**theirs.env, "PRE_COMMIT_HOME": str(home)},
        )
        assert expected.text in ended.text
        assert ended.code == expected.code

    @pytest.mark.parametrize(
        "args",
        [None, [], ["--strict"], ["--strict", "--"], ["--crd", "ours.yaml"], ["--crd=ours.yaml"]],
        ids=str,
    )
    def test_a_file_name_is_never_an_option(
        self, theirs: Repository, published: Repository, home: Path, args: list[str] | None
    ) -> None:
        texts = {
            **dict.fromkeys(("--crd=evil.yaml", "--output=victim.yaml", "--fix.yml"), GOOD),
            **dict.fromkeys(("-h.yaml", "--only=yaml", "--.yaml", "a.yaml"), GOOD),
            "--skip=api.yaml": BROKEN,
        }
        crd = json.dumps(json.loads(CRD.read_bytes())["crd"])
        for name, text in {**texts, "ours.yaml": crd, "victim.yaml": "mine"}.items():
            (theirs.folder / name).write_text(text, encoding="utf-8")
        config = yaml.safe_load((CI_DOCS / "pre-commit-config.yaml").read_text(encoding="utf-8"))
        (entry,) = config["repos"]
        entry["repo"] = str(published.folder)
        (hook,) = entry["hooks"]
        hook.pop("args", None)
        if args is not None:
            hook["args"] = args
        theirs.write(**{"pre-commit_yaml": yaml.safe_dump(config)})
        theirs.git("add", "--all")
        ended = run(
            *(sys.executable, "-m", "pre_commit", "run", "--config", "pre-commit.yaml", "--all"),
            folder=theirs.folder,
            env={**theirs.env, "PRE_COMMIT_HOME": str(home)},
        )
        assert ended.code == 1
        assert "--skip=api.yaml:" in ended.text
        assert ended.text.count(": error: ") == 1, ended.text
        # What is no YAML (by its suffix) is not given to the hook at all.
        assert f"{len(texts) - 1} graphs in {len(texts) + 2} files checked" in ended.text
        assert (theirs.folder / "victim.yaml").read_text(encoding="utf-8") == "mine"

    def test_our_own_configuration_runs_the_rules_of_this_tree(
        self, theirs: Repository, home: Path
    ) -> None:
        config = (REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8")
        theirs.write(**{"pre-commit_yaml": config})
        path = theirs.folder / "examples" / "llm" / "launch" / "k8s" / "agg.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(BROKEN, encoding="utf-8")
        for room in ("conformance", "launch"):
            (theirs.folder / room).symlink_to(REPOSITORY / room)
        theirs.git("add", "pre-commit.yaml", "examples")
        ended = run(
            *(sys.executable, "-m", "pre_commit", "run", "--config", "pre-commit.yaml"),
            *("dynamo-lint", "--files", str(path)),
            folder=theirs.folder,
            env={**theirs.env, "PRE_COMMIT_HOME": str(home)},
        )
        assert 'did you mean "replicas"?' in ended.text
        assert ended.code == 1


def plant_modules(folder: Path, seen: Path) -> None:
    """Write modules by the names that Python, pip and `dynamo` import; each notes that it ran."""
    packages = ("click", "dynamo_conformance", "dynamo_launch", "ensurepip", "hatchling", "logging",
                "pip", "sitecustomize", "usercustomize", "venv", "yaml")  # fmt: skip
    code = f"with open({str(seen)!r}, 'a') as file:\n    file.write(__name__ + '\\n')\n"
    for name in packages:
        (folder / name).mkdir()
        for module in ("__init__", "__main__"):
            (folder / name / f"{module}.py").write_text(code, encoding="utf-8")
    (folder / "evil.pth").write_text(f"import os; os.mkdir({str(seen)!r})\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Action:
    """The action's steps, and where their runner keeps its things."""

    steps: list[dict[str, object]]
    defaults: dict[str, str]
    checkout: Path
    temporary: Path

    def step(self, name: str, repository: Repository, **inputs: str) -> Ended:
        """Run a step as GitHub does: the script in a file, and inputs filled into its `env`."""
        (found,) = (one for one in self.steps if one["name"] == name)
        given = {**self.defaults, **{key.replace("_", "-"): one for key, one in inputs.items()}}
        declared = found.get("env", {})
        assert isinstance(declared, dict)
        assert set(given) == set(self.defaults)
        filled = {
            key: INPUT.sub(lambda match: given[match[1]], str(value))
            for key, value in declared.items()
        }
        script = self.temporary / "script.sh"
        script.write_text(str(found["run"]), encoding="utf-8")
        runner = {"RUNNER_TEMP": str(self.temporary), "GITHUB_ACTION_PATH": str(self.checkout)}
        return run(
            *("bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)),
            folder=repository.folder,
            env={**repository.env, **runner, **filled},
        )


@pytest.fixture(scope="module")
def action(published: Repository, tmp_path_factory: pytest.TempPathFactory) -> Action:
    """The action, after its first step."""
    read = yaml.safe_load((published.folder / "action.yml").read_text(encoding="utf-8"))
    defaults = {name: str(one["default"]) for name, one in read["inputs"].items()}
    temporary = tmp_path_factory.mktemp("runner")
    made = Action(read["runs"]["steps"], defaults, published.folder, temporary)
    ended = made.step("Install dynamo lint", published)
    assert ended.code == 0, ended.text
    return made


class TestAction:
    def test_a_good_manifest_passes(self, theirs: Repository, action: Action) -> None:
        theirs.write(a_yaml=GOOD, c_yaml=TEMPLATE)
        ended = action.step("Lint", theirs)
        assert (ended.code, ended.text) == (
            0,
            "1 graph in 2 files checked: no findings; judged by Dynamo 1.6.1\n",
        )

    def test_a_broken_one_is_annotated_in_its_place(
        self, theirs: Repository, action: Action
    ) -> None:
        theirs.write(a_yaml=BROKEN)
        ended = action.step("Lint", theirs)
        line = BROKEN.splitlines().index("      replica: 1") + 1
        assert f"::error file=a.yaml,line={line},col=7,title=api-schema::unknown" in ended.text
        assert ended.code == 1

    def test_no_graph_at_all_is_a_wrong_set_up(self, theirs: Repository, action: Action) -> None:
        theirs.write(b_yml=OTHER_KIND)
        assert action.step("Lint", theirs).code == 3

    @pytest.mark.parametrize(
        ("texts", "code"),
        [
            ({"b_yml": "kind: Secret\n"}, 0),
            ({"a_yaml": f"{GOOD}# changed\n"}, 0),
            ({"a_yaml": BROKEN}, 1),
            ({"new_yaml": BROKEN}, 1),
        ],
        ids=["another kind", "good", "broken", "new and broken"],
    )
    def test_only_what_changed_is_looked_at(
        self, theirs: Repository, action: Action, texts: dict[str, str], code: int
    ) -> None:
        theirs.write(a_yaml=GOOD, b_yml=OTHER_KIND, old_yaml=BROKEN)
        theirs.commit()
        theirs.git("checkout", "--quiet", "-b", "topic")
        theirs.write(**texts)
        theirs.commit()
        ended = action.step("Lint", theirs, changed_since="main")
        assert ended.code == code, ended.text
        assert "old.yaml" not in ended.text

    def test_findings_go_to_a_sarif_file_too(self, theirs: Repository, action: Action) -> None:
        theirs.write(a_yaml=BROKEN)
        ended = action.step("Lint", theirs, sarif_file="found.sarif")
        log = json.loads((theirs.folder / "found.sarif").read_text(encoding="utf-8"))
        assert [one["ruleId"] for one in log["runs"][0]["results"]] == ["api-schema"]
        assert (ended.code, ended.text.count("::error")) == (1, 1)

    def test_a_link_of_the_checkout_leads_the_sarif_file_nowhere(
        self, theirs: Repository, action: Action, tmp_path: Path
    ) -> None:
        mine = tmp_path / "profile"
        mine.write_text("mine", encoding="utf-8")
        theirs.write(a_yaml=GOOD)
        (theirs.folder / "found.sarif").symlink_to(mine)
        ended = action.step("Lint", theirs, sarif_file="found.sarif")
        assert ended.code == 0, ended.text
        assert mine.read_text(encoding="utf-8") == "mine"
        assert '"results"' in (theirs.folder / "found.sarif").read_text(encoding="utf-8")

    def test_a_sarif_file_that_cannot_be_written_fails(
        self, theirs: Repository, action: Action
    ) -> None:
        theirs.write(a_yaml=GOOD)
        ended = action.step("Lint", theirs, sarif_file="no/such/folder.sarif")
        assert "cannot write no/such/folder.sarif" in ended.text
        assert ended.code != 0

    def test_arguments_are_words_and_paths_are_lines(
        self, theirs: Repository, action: Action
    ) -> None:
        (theirs.folder / "with space.yaml").write_text(BROKEN, encoding="utf-8")
        (theirs.folder / "good.yaml").write_text(GOOD, encoding="utf-8")
        given = {"paths": "with space.yaml\n\ngood.yaml\n", "args": "--skip api-schema\n--strict\n"}
        ended = action.step("Lint", theirs, format="text", **given)
        assert "2 graphs in 2 files checked: no findings" in ended.text
        assert ended.code == 0

    @pytest.mark.parametrize("name", ["paths", "args", "format", "changed_since", "sarif_file"])
    @pytest.mark.parametrize("text", ["$(touch owned)", '"; touch owned; "', "`touch owned`"])
    def test_inputs_are_never_code(
        self, theirs: Repository, action: Action, name: str, text: str
    ) -> None:
        theirs.write(a_yaml=GOOD)
        action.step("Lint", theirs, **{name: text})
        assert not (theirs.folder / "owned").exists()

    def test_no_code_of_the_checkout_is_imported(
        self, theirs: Repository, action: Action, tmp_path: Path
    ) -> None:
        theirs.write(a_yaml=GOOD)
        seen = tmp_path / "imported"
        plant_modules(theirs.folder, seen)
        # Workflows of Python projects set these for their own steps.
        paths = {"PYTHONPATH": f".{os.pathsep}{theirs.folder}", "PIP_USER": "1"}
        job = Repository(theirs.folder, {**theirs.env, **paths})
        again = replace(action, temporary=tmp_path / "runner")
        again.temporary.mkdir()
        for name in ("Install dynamo lint", "Lint"):
            ended = again.step(name, job, sarif_file="lint.sarif")
            assert ended.code == 0, ended.text
        assert not seen.exists(), seen.read_text(encoding="utf-8")

    def test_no_input_is_written_into_a_script(self, action: Action) -> None:
        assert [one["name"] for one in action.steps if "${{" in str(one["run"])] == []


def test_a_path_or_revision_cannot_be_an_option(theirs: Repository, action: Action) -> None:
    theirs.write(a_yaml=GOOD)
    theirs.commit()
    for given in ({"paths": "--output=owned"}, {"changed_since": "--output=owned"}):
        assert action.step("Lint", theirs, **given).code == 2
        assert not (theirs.folder / "owned").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("check_jsonschema", "--builtin-schema", "vendor.github-actions", "action.yml"),
        (
            *("check_jsonschema", "--builtin-schema", "vendor.github-workflows"),
            "docs/ci/lint-workflow.yml",
        ),
        ("pre_commit", "validate-manifest", ".pre-commit-hooks.yaml"),
        ("pre_commit", "validate-config", ".pre-commit-config.yaml"),
        ("pre_commit", "validate-config", "docs/ci/pre-commit-config.yaml"),
    ],
    ids=lambda words: str(words[-1]),
)
def test_the_files_are_what_their_programs_read(words: tuple[str, ...], tmp_path: Path) -> None:
    ended = run(sys.executable, "-m", *words, folder=REPOSITORY, env=environment(tmp_path))
    assert ended.code == 0, ended.text


def test_the_workflow_gives_the_action_inputs_that_it_has(action: Action) -> None:
    read = yaml.safe_load((CI_DOCS / "lint-workflow.yml").read_text(encoding="utf-8"))
    (ours,) = (
        step
        for step in read["jobs"]["dynamo-lint"]["steps"]
        if step["uses"].startswith("OWNER/REPO@")
    )
    assert set(ours["with"]) <= set(action.defaults)
