"""The components of the examples, without an engine: it is behind a seam."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
import yaml
from dynamo.llm.exceptions import InvalidArgument

from dynamo_conformance.manifest.config_maps import config_maps
from dynamo_conformance.manifest.document import read_file
from dynamo_conformance.mock_engine.encode_exchange import question

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

EXAMPLES = Path(__file__).parents[3] / "examples" / "llm"
FOLDERS = sorted(path.parents[1] for path in EXAMPLES.glob("*/components/worker.py"))
FOLDERS = [folder for folder in FOLDERS if (folder / "components" / "seam.py").is_file()]
"""Those with a worker of one's own; the legacy engine's is for an SDK that is not here."""

RECIPES = sorted(EXAMPLES.glob("*/components/Dockerfile"))
SAME = ("__init__.py", "seam.py", "worker.py")
"""What is one file in every folder; only engine.py differs."""

PROMPT = [11, 12, 13]

Loaded: TypeAlias = Any
"""Something of a module that is imported by name, so that no type of it is known."""


@dataclass
class Context:
    """What the runtime hands over with a request."""

    name: str = "request-1"

    def id(self) -> str:
        return self.name


@dataclass
class Answer:
    """What a client of the runtime yields."""

    value: dict[str, Any]

    def data(self) -> dict[str, Any]:
        return self.value


@dataclass
class Engine:
    """An engine that says what it is told to."""

    seam: ModuleType
    steps: list[tuple[list[int], str | None]] = field(default_factory=lambda: [([1], "stop")])
    asked: list[Loaded] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    async def start(self) -> Loaded:
        self.calls.append("start")
        return self.seam.Limits(context_length=100, block_size=16, blocks=7)

    async def generate(
        self, request: str, prompt: list[int], asked: Loaded
    ) -> AsyncIterator[Loaded]:
        self.asked.append((request, prompt, asked))
        for tokens, finish in self.steps:
            yield self.seam.Step(tokens, finish)

    async def abort(self, request: str) -> None:
        self.calls.append(f"abort {request}")

    async def stop(self) -> None:
        self.calls.append("stop")


@pytest.fixture(params=FOLDERS, ids=lambda path: path.name)
def components(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose `components` can be imported, as one that a component is started in."""
    folder: Path = request.param
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in [one for one in sys.modules if one.partition(".")[0] == "components"]:
        del sys.modules[name]


@pytest.fixture
def engine(components: Path) -> Engine:
    del components
    return Engine(import_module("components.seam"))


def worker(engine: Engine) -> Loaded:
    made = import_module("components.worker").Worker(engine, model="org/model")
    asyncio.run(made.start(1))
    return made


def chunks(made: Loaded, **request: Loaded) -> list[dict[str, Any]]:
    async def collected() -> list[dict[str, Any]]:
        return [one async for one in made.generate({"token_ids": PROMPT, **request}, Context())]

    return asyncio.run(collected())


def test_an_engine_is_all_that_differs_between_the_folders() -> None:
    assert len(FOLDERS) == 3
    for name in SAME:
        assert len({(folder / "components" / name).read_bytes() for folder in FOLDERS}) == 1


def test_a_worker_tells_dynamo_what_the_engine_can_hold(engine: Engine) -> None:
    made = import_module("components.worker").Worker(engine, model="a/b", served_name="c")
    config = asyncio.run(made.start(1))
    assert (config.model, config.served_model_name) == ("a/b", "c")
    assert config.llm.context_length == 100
    assert config.llm.kv_cache_block_size == 16
    assert config.llm.total_kv_blocks == 7


def registered(monkeypatch: pytest.MonkeyPatch, engine: Engine, *argv: str) -> tuple[str, str, str]:
    """Return the namespace, component and endpoint that a command line registers a worker under."""
    played = ModuleType("components.engine")
    monkeypatch.setattr(played, "make", lambda _model, _context: engine, raising=False)
    monkeypatch.setitem(sys.modules, "components.engine", played)
    monkeypatch.setenv("DYN_NAMESPACE", "ours")
    _, config = asyncio.run(import_module("components.worker").Worker.from_args(list(argv)))
    return config.namespace, config.component, config.endpoint


def test_a_worker_answers_where_its_endpoint_says(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("--endpoint", "dyn://behind.experts.answer")
    assert registered(monkeypatch, engine, *asked) == ("behind", "experts", "answer")
    assert registered(monkeypatch, engine) == ("ours", "backend", "generate")
    with pytest.raises(ValueError, match=r"dyn://namespace\.component\.endpoint"):
        registered(monkeypatch, engine, "--endpoint", "behind")


def test_an_answer_is_streamed_and_its_usage_counted(engine: Engine) -> None:
    engine.steps = [([1, 2], None), ([3], "length")]
    assert chunks(worker(engine)) == [
        {"token_ids": [1, 2], "index": 0},
        {
            "token_ids": [3],
            "index": 0,
            "finish_reason": "length",
            "completion_usage": {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6},
        },
    ]


def test_a_request_reaches_the_engine_as_it_was_asked(engine: Engine) -> None:
    chunks(
        worker(engine),
        stop_conditions={"max_tokens": 5, "ignore_eos": True, "stop_token_ids_hidden": [2]},
        sampling_options={"temperature": 0.0, "top_p": 0.5, "seed": 9},
    )
    ((name, prompt, asked),) = engine.asked
    assert (name, prompt) == ("request-1", PROMPT)
    assert asked == engine.seam.Asked(
        max_tokens=5, temperature=0.0, top_p=0.5, seed=9, stop_tokens=(2,), ignore_eos=True
    )


@pytest.mark.parametrize(("wanted", "given"), [(None, 97), (1000, 97), (5, 5)])
def test_an_answer_has_the_room_that_the_prompt_leaves(
    engine: Engine, wanted: int | None, given: int
) -> None:
    chunks(worker(engine), stop_conditions={"max_tokens": wanted})
    assert engine.asked[0][2].max_tokens == given


def test_a_prompt_that_leaves_no_room_is_the_clients_fault(engine: Engine) -> None:
    made = worker(engine)
    with pytest.raises(InvalidArgument, match="the prompt has 100 tokens; with an answer, 100 fit"):
        chunks(made, token_ids=[1] * 100)
    assert engine.asked == []
    chunks(made, token_ids=[1] * 99)
    assert engine.asked[0][2].max_tokens == 1


def test_abort_and_cleanup_reach_the_engine(engine: Engine) -> None:
    made = worker(engine)
    asyncio.run(made.abort(Context("gone")))
    asyncio.run(made.cleanup())
    assert engine.calls == ["start", "abort gone", "stop"]


@pytest.mark.usefixtures("components")
def test_help_needs_no_engine(capsys: pytest.CaptureFixture[str]) -> None:
    made = import_module("components.worker").Worker
    with pytest.raises(SystemExit) as ended:
        asyncio.run(made.from_args(["--help"]))
    assert ended.value.code == 0
    assert "--discovery-backend" in capsys.readouterr().out


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(EXAMPLES / "vllm_v1"))
    yield import_module("components.processor")
    for name in [one for one in sys.modules if one.partition(".")[0] == "components"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("request_", "stop", "sampling"),
    [
        ({}, {"max_tokens": 1024}, {}),
        ({"stop_conditions": {"max_tokens": 7}}, {"max_tokens": 7}, {}),
        ({"stop_conditions": {"max_tokens": 9999}}, {"max_tokens": 1024}, {}),
        ({"sampling_options": {"temperature": 2.0}}, {"max_tokens": 1024}, {"temperature": 1.2}),
        ({"sampling_options": {"temperature": 0.0}}, {"max_tokens": 1024}, {"temperature": 0.0}),
    ],
)
def test_house_rules(
    processor: ModuleType, request_: dict[str, Any], stop: Loaded, sampling: Loaded
) -> None:
    before = {"token_ids": PROMPT, "model": "m", **request_}
    after = processor.Rules().apply(before)
    assert after == {**before, "stop_conditions": stop, "sampling_options": sampling}


def test_a_prompt_that_is_too_long_is_the_clients_fault(processor: ModuleType) -> None:
    with pytest.raises(InvalidArgument, match="the prompt has 3 tokens; 2 are allowed"):
        processor.Rules(max_prompt=2).apply({"token_ids": PROMPT})


def test_a_processor_answers_through_its_worker(processor: ModuleType) -> None:
    seen: list[dict[str, Any]] = []

    class Client:
        async def round_robin(
            self, request: dict[str, Any], *, context: object
        ) -> AsyncIterator[Answer]:
            assert isinstance(context, Context)
            seen.append(request)
            return self.answers()

        async def answers(self) -> AsyncIterator[Answer]:
            yield Answer({"token_ids": [1]})
            yield Answer({"token_ids": [2], "finish_reason": "stop"})

    async def collected() -> list[dict[str, Any]]:
        made = processor.Processor(processor.Rules(max_answer=4), Client())
        return [one async for one in made.generate({"token_ids": PROMPT}, Context())]

    answers = asyncio.run(collected())
    assert [one["token_ids"] for one in answers] == [[1], [2]]
    assert seen[0]["stop_conditions"] == {"max_tokens": 4}


@pytest.fixture
def encode_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(EXAMPLES / "multimodal"))
    yield import_module("components.encode_worker")
    for name in [one for one in sys.modules if one.partition(".")[0] == "components"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("addresses", "reason"),
    [
        (["data:image/png;base64,AA"] * 3, "3 images; 2 are allowed"),
        (["http://ok.example/a.png"], "must begin with one of: data, https"),
        (["file:///etc/passwd"], "must begin with one of: data, https"),
        (["https://other.example/a.png"], "may not be fetched from that host"),
    ],
)
def test_rules_of_images(encode_worker: ModuleType, addresses: list[str], reason: str) -> None:
    rules = encode_worker.Rules(max_images=2, hosts=frozenset({"ok.example"}))
    rules.check(["data:image/png;base64,AA", "https://ok.example/a.png"])
    with pytest.raises(InvalidArgument, match=reason) as refused:
        rules.check(addresses)
    assert "passwd" not in str(refused.value)


def test_an_encode_worker_asks_its_encoder_within_the_rules(encode_worker: ModuleType) -> None:
    asked: list[str] = []

    class Encoder:
        async def generate(self, request: str, context: object) -> AsyncIterator[str]:
            assert isinstance(context, Context)
            asked.append(request)
            yield "answer"

    async def collected(request: str) -> list[str]:
        made = encode_worker.EncodeWorker(encode_worker.Rules(max_images=1), Encoder())
        return [answer async for answer in made.generate(request, Context())]

    allowed = question(["https://a.example/1.png"], request="r")
    assert asyncio.run(collected(allowed)) == ["answer"]
    with pytest.raises(InvalidArgument):
        asyncio.run(collected(question(["https://a.example/1.png"] * 2, request="r")))
    assert asked == [allowed]


def test_an_image_that_the_frontend_fetched_has_no_address(encode_worker: ModuleType) -> None:
    asked = '{"multimodal_inputs": [{"multimodal_input": {"image_decoded": {}}}]}'
    assert encode_worker.addresses_of(asked) == []
    assert encode_worker.addresses_of('{"multimodal_inputs": null}') == []


MANIFESTS = [
    path for path in sorted(EXAMPLES.glob("*/launch/k8s/**/*.yaml")) if config_maps(read_file(path))
]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.relative_to(EXAMPLES).as_posix())
def test_a_config_map_holds_the_very_files_of_its_folder(path: Path) -> None:
    """Components, and engine files where a script reads the same from a folder."""
    folder = EXAMPLES / path.relative_to(EXAMPLES).parts[0]
    has_script = (folder / "launch" / "local" / f"{path.stem}.sh").is_file()
    for texts in config_maps(read_file(path)).values():
        for name, text in texts.items():
            if name.endswith(".py"):
                assert (folder / "components" / name).read_text(encoding="utf-8") == text
            elif has_script and path.parent.name in ("k8s", "v1alpha1"):
                assert (folder / "engine_configs" / name).read_text(encoding="utf-8") == text
            else:
                assert yaml.safe_load(text)


def test_there_are_config_maps() -> None:
    assert len(MANIFESTS) >= 14


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.parents[1].name)
def test_the_image_is_the_manifests_with_the_components_in_it(path: Path) -> None:
    recipe, folder = path.read_text(encoding="utf-8"), path.parents[1]
    (shown,) = {*(folder / "launch" / "k8s").glob("*own_worker.yaml")} or {
        *(folder / "launch" / "k8s").glob("*own_encoder.yaml")
    }
    manifest = shown.read_text(encoding="utf-8")
    base = recipe.partition("ARG BASE=")[2].split()[0]
    assert f"image: {base}\n" in manifest
    workdir = recipe.partition("WORKDIR ")[2].split()[0]
    assert f"workingDir: {workdir}\n" in manifest
    assert "docker build -t my-" in recipe
    assert f" {folder.relative_to(EXAMPLES.parents[1]).as_posix()}/components\n" in recipe
