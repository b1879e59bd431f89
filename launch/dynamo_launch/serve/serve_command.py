"""`dynamo serve`: from words to the one process that they mean."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from dynamo_launch.config.run_config import RunConfig, Wiring
from dynamo_launch.errors import LaunchError, UsageError
from dynamo_launch.serve.serve_arguments import OWN_FLAGS, split_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dynamo_launch.config.run_config import ConfigFile
    from dynamo_launch.serve.invocation import Invocation
    from dynamo_launch.serve.serve_arguments import ServeArguments


def serve(words: Sequence[str], *, prog_name: str = "dynamo serve") -> int:
    """Become the component that `words` mean, or report why not.

    Args:
        words: What follows `dynamo serve`.
        prog_name: What errors start with.

    Returns:
        0 after `--help` and `--dry-run`, 2 on wrong usage, 127 when the component's module is not
        installed. Otherwise it does not return.
    """
    try:
        invocation = _serve(words)
        if invocation is not None:
            invocation.execute(os.environ)
    except LaunchError as error:
        return error.report(prog_name)
    return 0


def plan(words: Sequence[str], environ: Mapping[str, str]) -> Invocation:
    """Return the command that `dynamo serve WORDS` would become.

    Raises:
        UsageError: The words, the config file or the environment are wrong.
    """
    return _plan(_split(words, environ), environ)


def _serve(words: Sequence[str]) -> Invocation | None:
    """Print what is only to be printed, or return what is to be executed."""
    split = _split(words, os.environ)
    if split.help:
        from dynamo_launch.serve.help import HELP

        sys.stdout.write(HELP)
        return None
    invocation = _plan(split, os.environ)
    if split.dry_run:
        sys.stderr.writelines(f"# {note}\n" for note in invocation.notes)
        sys.stdout.write(invocation.line() + "\n")
        return None
    if invocation.module is not None:
        from dynamo_launch.serve.installed import require_module

        require_module(invocation.module)
    return invocation


def _split(words: Sequence[str], environ: Mapping[str, str]) -> ServeArguments:
    from dynamo_launch.retired_commands import retired_serve

    answer = retired_serve(words, environ)
    if answer is not None:
        raise UsageError(answer)
    return split_words(words)


def _plan(words: ServeArguments, environ: Mapping[str, str]) -> Invocation:
    config = RunConfig()
    if words.file is not None:
        from pathlib import Path

        from dynamo_launch.config.config_reader import read_config, read_source

        words, config = _pick(words, read_config(read_source(Path(words.file))))
    from dynamo_launch.config.wiring import completed
    from dynamo_launch.serve.serve_plan import merge, plan_program

    if config.command and words.wiring == Wiring():
        from dynamo_launch.serve.custom_program import plan_command

        return plan_command(words, config)
    wiring = merge(words.wiring, config.wiring)
    if wiring.component is not None:
        from dynamo_launch.serve.custom_program import plan_module

        return plan_module(wiring.component, words, config)
    if completed(wiring).output is None:
        _refuse_misspelled(words)
    return plan_program(words, config, environ).invocation()


def _pick(words: ServeArguments, file: ConfigFile) -> tuple[ServeArguments, RunConfig]:
    """Return the component that NAME picks from the file, and the words without NAME."""
    first = words.rest[0] if words.rest else ""
    for component in file.components:
        if component.name and component.name == first:
            return replace(words, rest=words.rest[1:]), component
    if len(file.components) == 1:
        return words, file.components[0]
    names = [component.name for component in file.components]
    from dynamo_conformance.manifest.suggest import nearest

    right = nearest(first, names) if first and not first.startswith("-") else None
    what = f'holds no component "{first}"' if right else "describes several components"
    hint = f'did you mean "{right}"?' if right else "put one first: dynamo serve NAME -f ..."
    raise UsageError(f"{file.file}: {what} ({', '.join(names)}); {hint}")


def _refuse_misspelled(words: ServeArguments) -> None:
    """Refuse a misspelled flag of serve's own where no engine's flags explain it."""
    from dynamo_conformance.manifest.suggest import did_you_mean

    for word in words.rest:
        flag = word.partition("=")[0]
        if flag.startswith("-"):
            hint = did_you_mean(flag, OWN_FLAGS)
            raise UsageError(
                f"unknown option {flag}" + (hint or "; name an engine first: --engine ENGINE")
            )
