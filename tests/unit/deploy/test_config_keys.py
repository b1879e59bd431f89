"""Keys of config files are text, exactly as written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from deploy_helpers import write

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("Y", "n", "OFF", "yes", "True", "null", "_1e3", "x0x1F", "Inf")


def test_names_of_variables_are_as_written(tmp_path: Path) -> None:
    variables = "".join(f"      {name}: on\n" for name in NAMES)
    file = tmp_path / "graph.yaml"
    file.write_text(
        "name: g\ncomponents:\n  - name: w\n    role: agg\n    cmd: [x]\n"
        "    image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1\n"
        f"    resources: {{cpu: 1, memory: 1Gi}}\n    environment:\n{variables}",
        encoding="utf-8",
    )
    for target in ("local", "slurm"):
        (text,) = write(tmp_path / target, "-f", str(file), "--target", target).values()
        assert all(f"{name}=on" in text for name in NAMES)
    (text,) = write(tmp_path / "k8s", "-f", str(file)).values()
    (component,) = yaml.safe_load(text)["spec"]["components"]
    (container,) = component["podTemplate"]["spec"]["containers"]
    assert [one["name"] for one in container["env"]] == list(NAMES)
    assert {one["value"] for one in container["env"]} == {"on"}


def test_options_of_a_module_of_ones_own_are_as_written(tmp_path: Path) -> None:
    from dynamo_launch.serve.serve_command import plan

    file = tmp_path / "config.yaml"
    file.write_text("component: a.b\noptions: {y: 1, off: 2, 1e3: 3, null: 4}\n", encoding="utf-8")
    line = plan(["-f", str(file)], {}).line()
    assert line == "python3 -m a.b --y 1 --off 2 --1e3 3 --null 4"
