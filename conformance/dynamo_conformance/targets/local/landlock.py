"""Keeps processes from writing anywhere but below a few folders, with the kernel's Landlock.

Paths that a command line names are moved below the run's folder before; this is for those that
nobody can know beforehand, such as what a script puts together. Signals reach the same component
alone (since Linux 6.12): what `pkill python3` of a script ends is in its own pod. Run as a program,
it restricts itself, and becomes the program that its further words name. It imports nothing of
ours: it is started as a file, by an interpreter that looks for no packages.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38

_WRITE_FILE, _REFER, _TRUNCATE = 1 << 1, 1 << 13, 1 << 14
_MAKE_AND_REMOVE = sum(1 << bit for bit in range(4, 13))
_SCOPE_SIGNAL = 1 << 1
_REFER_SINCE, _TRUNCATE_SINCE, _SCOPE_SINCE = 2, 3, 6

_LOADING = ("LD_", "GCONV_PATH", "LOCPATH", "GLIBC_TUNABLES", "MALLOC_")
"""What the names of variables begin with that the loader and the C library read."""

_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty")
NOT_STARTED = 127
"""What a shell ends with when it cannot start a program."""


def _call(number: int, *arguments: object) -> int:
    result: int = ctypes.CDLL(None, use_errno=True).syscall(number, *arguments)
    return result


def version() -> int:
    """Return the version of Landlock that the kernel has, or 0 when it has none."""
    return max(_call(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG), 0)


def confined(
    argv: tuple[str, ...], env: dict[str, str], *folders: str
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the words and the environment that run `argv` so that it writes only below `folders`.

    Where the kernel has no Landlock, or there is nothing to run, these are the same as before.
    Variables that make a program load other code are given to it alone, not to what restricts it.
    """
    if not argv or version() < 1:
        return argv, env
    loading = [f"{name}={value}" for name, value in env.items() if name.startswith(_LOADING)]
    others = {name: value for name, value in env.items() if not name.startswith(_LOADING)}
    allowed = os.pathsep.join(folders)
    words = (sys.executable, "-I", "-S", __file__, allowed, str(len(loading)), *loading, *argv)
    return words, others


def restrict(*folders: str) -> None:
    """Keep this process and all that it starts from writing outside of `folders`, and from others.

    Raises:
        OSError: The kernel refuses.
    """
    rights = _WRITE_FILE | _MAKE_AND_REMOVE
    supported = version()
    if supported >= _REFER_SINCE:
        rights |= _REFER
    if supported >= _TRUNCATE_SINCE:
        rights |= _TRUNCATE
    # Rights to files, to the network, and what is kept from others; older kernels take the first.
    scoped = (0, _SCOPE_SIGNAL) if supported >= _SCOPE_SINCE else ()
    packed = b"".join(struct.pack("=Q", right) for right in (rights, *scoped))
    handled = ctypes.create_string_buffer(packed, len(packed))
    ruleset = _checked(_call(_CREATE_RULESET, handled, ctypes.c_size_t(len(packed)), 0))
    for folder in folders:
        _allow(ruleset, folder, rights)
    for device in _DEVICES:
        if os.path.exists(device):  # noqa: PTH110 - pathlib takes longer to import than all of this
            _allow(ruleset, device, rights & (_WRITE_FILE | _TRUNCATE))
    libc = ctypes.CDLL(None, use_errno=True)
    _checked(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _checked(_call(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, place), 12)
        _checked(_call(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0))
    finally:
        os.close(place)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _main() -> None:
    folders, count, *rest = sys.argv[1:]
    loading, argv = rest[: int(count)], rest[int(count) :]
    restrict(*folders.split(os.pathsep))
    for variable in loading:
        name, _, value = variable.partition("=")
        os.environ[name] = value
    # Python ignores these, and what is ignored stays so in the program that follows.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - what this program is for
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{argv[0]}: {getattr(error, 'strerror', None) or error}\n")
        sys.exit(NOT_STARTED)


if __name__ == "__main__":
    _main()
