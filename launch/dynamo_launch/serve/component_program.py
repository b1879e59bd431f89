"""What is started: a frontend or an engine's worker, with the flags that it takes."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import join
from typing import TYPE_CHECKING, Final

from dynamo_conformance.engines.catalog import load
from dynamo_conformance.manifest.suggest import did_you_mean
from dynamo_launch.config.wiring import DYN, ENGINES, FRONTEND_INPUTS, FRONTEND_TASK, SCHEME
from dynamo_launch.errors import UsageError
from dynamo_launch.serve.option_aliases import ALIASES, MODEL, alias_flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dynamo_conformance.engines.catalog import Catalog
    from dynamo_conformance.engines.fault import UsageFault
    from dynamo_conformance.engines.flag import Flag
    from dynamo_launch.config.run_config import Wiring
    from dynamo_launch.errors import Located

FRONTEND: Final = "frontend"
TASK_FLAG: Final = "--disaggregation-mode"
ENDPOINT_FLAG: Final = "--endpoint"
NAMESPACE_FLAG: Final = "--namespace"
INTERACTIVE_FLAG: Final = "--interactive"


@dataclass(frozen=True, slots=True)
class ComponentProgram:
    """A runnable module of Dynamo.

    Attributes:
        name: `frontend`, or an engine.
        catalog: The flags it takes.
    """

    name: str
    catalog: Catalog

    @property
    def module(self) -> str:
        """The module after `python3 -m`."""
        return self.catalog.module

    @property
    def model_flag(self) -> str | None:
        """The flag for a MODEL, or None where there is none."""
        return ALIASES[MODEL].get(self.name)

    @property
    def model_dest(self) -> str | None:
        """What the program's parser calls the model, or None where there is none."""
        return self.known_flag(self.model_flag).dest if self.model_flag is not None else None

    def exact_flag(self, spelling: str) -> Flag | None:
        """Return the flag with exactly this name, or None; parsers take beginnings too."""
        flag = self.catalog.flag(spelling)
        return flag if flag is not None and spelling in flag.names else None

    def known_flag(self, spelling: str) -> Flag:
        """Return a flag that every release known here has.

        Raises:
            LookupError: It has not, after all.
        """
        flag = self.exact_flag(spelling)
        if flag is None:
            raise LookupError(f"{self.module} {self.catalog.release} has no {spelling}")
        return flag

    def option_flag(self, key: str) -> tuple[str, Flag] | None:
        """Return the flag that a key of `options:` means, with its spelling, or None.

        Args:
            key: The program's own flag without dashes in front, or an alias.
        """
        own = "--" + key.replace("_", "-")
        for spelling in (own, alias_flag(self.name, key)):
            flag = self.exact_flag(spelling) if spelling is not None else None
            if spelling is not None and flag is not None:
                return spelling, flag
        return None

    def opposite(self, spelling: str, flag: Flag) -> str | None:
        """Return the name that says the contrary of a switch, or None when there is none."""
        if spelling in flag.negatives:
            return next((name for name in flag.names if name not in flag.negatives), None)
        if flag.negatives:
            return flag.negatives[0]
        # Some parsers declare the two as flags of their own that share a dest.
        for other in ("--no-" + spelling.removeprefix("--"), "--" + spelling.removeprefix("--no-")):
            candidate = self.exact_flag(other)
            if other != spelling and candidate is not None and candidate.dest == flag.dest:
                return other
        return None

    def variables(self, dest: str) -> tuple[str, ...]:
        """Return the environment variables that the program reads for a setting."""
        flags = self.catalog.settings[dest]
        names = (name for flag in flags for name in (flag.env, *flag.older_env))
        return tuple(name for name in names if name is not None)

    def translated(self, word: str) -> str:
        """Return a typed word with an alias replaced by the program's own flag."""
        name, equals, value = word.partition("=")
        if not name.startswith("--") or self.catalog.flag(name) is not None:
            return word
        own = alias_flag(self.name, name)
        return f"{own}{equals}{value}" if own is not None else word

    def check(self, words: Sequence[str], *, at: Located | None = None) -> None:
        """Refuse words that the program would refuse.

        Missing flags and words that are no flag's pass: `words` need not be all of them.

        Args:
            words: Some of the program's words.
            at: Where they were written, or None.

        Raises:
            UsageError: The first fault, with the nearest right flag.
        """
        for fault in self.catalog.faults(words):
            if fault.index == len(words):
                continue
            word = words[fault.index]
            if fault.flag is not None:
                raise UsageError(f"{self.module}: {fault.message}{_advice(fault)}", at=at)
            if word.startswith("-"):
                raise UsageError(self.unknown_flag(word.partition("=")[0]), at=at)

    def unknown_flag(self, spelling: str) -> str:
        """Return the error for a flag that the program does not have."""
        removed = self.catalog.removed.get(spelling.replace("_", "-"))
        if removed is not None:
            return f"{self.module}: {removed.advice}"
        names = {name for flag in self.catalog.flags for name in flag.names}
        aliases = {
            f"--{name.replace('_', '-')}" for name, row in ALIASES.items() if self.name in row
        }
        if spelling.lstrip("-").replace("-", "_") in ALIASES:
            return f"{self.module} has no setting for {spelling}"
        hint = did_you_mean(spelling, (*sorted(names), *sorted(aliases)))
        return f"{self.module} has no flag {spelling}{hint or self._elsewhere(spelling)}"

    def _elsewhere(self, spelling: str) -> str:
        """Return which other programs have a flag of that name, or where to look."""
        others = (ComponentProgram(name, load(f"dynamo.{name}")) for name in (*ENGINES, FRONTEND))
        having = [other.module for other in others if other.exact_flag(spelling) is not None]
        if having:
            return f"; it is a flag of {', '.join(having)}, so leave it out"
        return f"; `python3 -m {self.module} --help` lists what there is"


def _advice(fault: UsageFault) -> str:
    if fault.removed is not None:
        return f"; {fault.removed.advice}"
    flag = fault.flag
    if flag is None or flag.type != "int" or "invalid int value" not in fault.message:
        return ""
    return f"; write a number, such as {flag.default}" if flag.default else "; write a number"


def choose_program(wiring: Wiring, *, rest: Sequence[str] = ()) -> ComponentProgram:
    """Return the program that `wiring` means.

    Args:
        wiring: What words and file say.
        rest: The words that are not serve's own, to be repeated in advice.

    Raises:
        UsageError: It means none, or two at once.
    """
    source, sink, task = wiring.input, wiring.output, wiring.task
    if sink is None:
        raise _nothing_to_start(wiring)
    from_clients = source is not None and source.text in FRONTEND_INPUTS
    if not _is_dyn(sink.text):
        if task is not None and task.text == FRONTEND_TASK:
            raise UsageError(
                "task frontend takes no engine; type: dynamo serve --task frontend",
                at=task,
            )
        if source is not None and from_clients:
            worker = join(("dynamo", "serve", "in=dyn", f"out={sink.text}", *rest))
            raise UsageError(
                f"a frontend and a worker are two components; type:"
                f"\n  dynamo serve in={source.text} out=dyn"
                f"\n  {worker}",
                at=source if source.file else sink,
            )
        return ComponentProgram(sink.text, load(f"dynamo.{sink.text}"))
    if not from_clients:
        raise UsageError(
            f"out={sink.text} is a frontend's, and a frontend takes in=http; type: "
            f"dynamo serve in=http out={sink.text}",
            at=sink,
        )
    if task is not None and task.text != FRONTEND_TASK:
        raise UsageError(f"a frontend has no task {task.text}; leave it out", at=task)
    if wiring.model is not None:
        raise UsageError(
            f'a frontend takes no MODEL ("{wiring.model.text}"): it serves '
            "what its workers register; leave it out",
            at=wiring.model,
        )
    return ComponentProgram(FRONTEND, load(f"dynamo.{FRONTEND}"))


def _is_dyn(text: str) -> bool:
    return text == DYN or text.startswith(SCHEME)


def _nothing_to_start(wiring: Wiring) -> UsageError:
    if wiring.input is not None and wiring.input.text in FRONTEND_INPUTS:
        return UsageError(
            f"in={wiring.input.text} has nothing that answers it; type: "
            f"dynamo serve in={wiring.input.text} out=dyn",
            at=wiring.input,
        )
    return UsageError(
        "no engine named, so nothing to start; write out=ENGINE or --engine ENGINE for a "
        "worker, in=http out=dyn for a frontend (dynamo serve --help)",
        at=wiring.input or wiring.task or wiring.model,
    )
