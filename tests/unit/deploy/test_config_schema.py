"""The published schema: our checker and the reference agree on it, and it names all keys."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy_helpers import REPOSITORY, TARGETS
from dynamo_conformance.manifest.node import Mapping, Plain, from_plain
from dynamo_launch.cli import main
from dynamo_launch.config.config_error import ConfigErrors
from dynamo_launch.config.config_reader import parse_source
from dynamo_launch.config.config_schema import FILE, check, published
from dynamo_launch.config.keys import COMPONENT_KEYS, GRAPH_KEYS, RUN_KEYS
from dynamo_launch.config.wiring import ENGINES, TASKS
from dynamo_launch.deploy.deploy_command import deploy
from dynamo_launch.errors import UsageError

HERE = Path(__file__).parent
REFERENCE = jsonschema.Draft7Validator(published())
EXAMPLES = [
    *(REPOSITORY / "examples" / "deploy").rglob("*.yaml"),
    *HERE.rglob("published/**/*.yaml"),
]


def refused(root: Plain) -> bool:
    node = from_plain(root)
    assert isinstance(node, Mapping)
    errors = ConfigErrors()
    check(node, file="f", errors=errors)
    return bool(errors.fatal)


def inputs() -> list[object]:
    """Return the inputs of all cases that are YAML mappings."""
    found: list[object] = [
        pytest.param(parsed(one.read_text(encoding="utf-8")), id=one.name) for one in EXAMPLES
    ]
    for path in sorted((HERE / "cases").glob("*.yaml")):
        case = yaml.safe_load(path.read_text(encoding="utf-8"))
        for name, text in case["files"].items():
            try:
                found.append(pytest.param(parsed(text), id=f"{path.stem}-{name}"))
            except UsageError:
                continue
    return found


def parsed(text: str) -> Plain:
    return parse_source(text, file="f").node.plain()


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(published())


@pytest.mark.parametrize("root", inputs())
def test_the_checker_agrees_with_the_reference(root: Plain) -> None:
    assert refused(root) == (not REFERENCE.is_valid(root))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_keep_to_it(path: Path) -> None:
    assert not refused(parsed(path.read_text(encoding="utf-8")))


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**8),
    st.sampled_from([0.1, 0.5, 2.0, 1.5]),
    st.sampled_from(["", "a", "A_b", "500m", "24GB", "16Gi", "/data", "1.6.1", "vllm", "decode"]),
    st.lists(st.sampled_from(["a", "b c", 1, None]), max_size=2),
    st.dictionaries(
        st.sampled_from(["name", "cpu", "live", "x/y", "a-b"]), st.integers(0, 3), max_size=2
    ),
)
WHOLE = parsed((REPOSITORY / "examples" / "deploy" / "embedded" / "deployment.yaml").read_text())
COMPONENT = (
    "image", "cmd", "replicas", "resources", "environment", "secret_env", "health", "ports", "role",
    "volumes", "model_cache", "nodes", "options", "args", "run_config", "colour", "shared_memory",
    "runtime_version", "name", "dynamo_in_image", "working_dir",
)  # fmt: skip
PATHS = (
    *((key,) for key in COMPONENT),
    *(("resources", key) for key in ("cpu", "memory", "gpu", "limits", "rdma/ib", "x")),
    ("health", "live"),
    ("environment", "A"),
    ("ports", "http"),
)


def changed(path: tuple[str, ...], value: Plain) -> Plain:
    """Return a good config with one value of its worker changed."""
    root: Plain = json.loads(json.dumps(WHOLE))
    assert isinstance(root, dict)
    components = root["components"]
    assert isinstance(components, list)
    node = components[1]
    for key in path[:-1]:
        assert isinstance(node, dict)
        node = node.setdefault(key, {})
    assert isinstance(node, dict)
    node[path[-1]] = value
    return root


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(path=st.sampled_from(PATHS), value=VALUES)
def test_it_agrees_on_what_nobody_thought_of(path: tuple[str, ...], value: Plain) -> None:
    root = changed(path, value)
    assert refused(root) == (not REFERENCE.is_valid(root)), (path, value)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(path=st.sampled_from(PATHS), value=VALUES, target=st.sampled_from(TARGETS))
def test_whatever_is_written_is_told_or_done(
    tmp_path_factory: pytest.TempPathFactory, path: tuple[str, ...], value: Plain, target: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    file = folder / "config.yaml"
    file.write_text(json.dumps(changed(path, value)), encoding="utf-8")
    words = ["-f", str(file), "--target", target, "--out-dir", str(folder / "out")]
    assert deploy(words) == (0 if (folder / "out").exists() else 2)


def test_its_keys_are_those_of_the_reader() -> None:
    schema = json.loads(FILE.read_text(encoding="utf-8"))
    definitions = schema["definitions"]
    assert sorted(schema["properties"]) == sorted(GRAPH_KEYS)
    assert sorted(definitions["component"]["properties"]) == sorted(COMPONENT_KEYS)
    assert sorted(definitions["run_config"]["properties"]) == sorted(RUN_KEYS)
    assert tuple(definitions["engine"]["enum"]) == ENGINES
    assert tuple(definitions["task"]["enum"]) == TASKS


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deploy", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == published()
