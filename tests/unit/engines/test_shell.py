"""Shell scripts: whatever is said to be known of them is what a real shell makes of them."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dynamo_conformance.engines.commandline import argv, environment_of, programs, runs_shell
from dynamo_conformance.engines.shell import ContainerEnvironment
from dynamo_conformance.engines.shell.runner import run
from dynamo_conformance.manifest.read import read_graphs

if TYPE_CHECKING:
    from dynamo_conformance.engines.shell import StartedProgram
    from dynamo_conformance.engines.shell.word import ShellText

KNOWN = {"K": "kay", "SPACED": "one two", "EMPTY": "", "MODEL": "org/model-1"}
HIDDEN = {"U": "u v", "F": "10.0.0.1"}
"""Variables whose values the reading is not given; `F` is said to be one word."""

OUTER = ContainerEnvironment(
    known=tuple(KNOWN.items()), unknown=frozenset({"U"}), single=frozenset({"F"})
)

NAMES = st.sampled_from(["A", "B", "K", "SPACED", "EMPTY", "MODEL", "U", "F", "NONE"])
PLAIN = st.sampled_from(["--flag", "x", "a/b", "--k=v", "7", "1.5", "tcp://h:1", "a#b", "a=b", "-"])
QUOTED = st.sampled_from(["'a b'", '"c d"', "'$K'", "a\\ b", '"q\\"r"', "$'t\\tu'", "''", '""'])
BRACED = st.tuples(
    NAMES,
    st.sampled_from([":-", "-", ":+", "+", "##*/", "%%-*", "#o", "%l"]),
    st.sampled_from(["", "dflt", "d e", "$K", '"f g"']),
).map(lambda one: f"${{{one[0]}{one[1]}{one[2] if one[1][-1] in '-+' else ''}}}")
BARE = st.one_of(NAMES.map(lambda one: f"${one}"), NAMES.map(lambda one: f"${{{one}}}"), BRACED)
ARRAYS = st.sampled_from(
    ["${ARR[@]}", "${ARR[*]}", "${ARR[0]}", "${ARR[1]}", "$ARR", "${#ARR[@]}", "${ARR[@]:-no}",
     "$1", "$2", "$@", "$*", "$#", "$0", "${1:-first}", "${#K}", "$((1 + 2))", "$(echo s t)",
     "`echo r`"]
)  # fmt: skip
ODD = st.sampled_from(["~/x", "{a,b}", "*.none", "a[b]c", "{}", "$", "a$", "%", "@", "!"])
PIECE = st.one_of(PLAIN, QUOTED, BARE, ARRAYS, BARE.map(lambda one: f'"{one}"'))
WORD = st.one_of(
    PIECE, ODD, ARRAYS.map(lambda one: f'"{one}"'), st.tuples(PIECE, PIECE).map("".join),
    st.tuples(PLAIN, ARRAYS).map(lambda one: f'"{one[0]}{one[1]}"'),
)  # fmt: skip
WORDS = st.lists(WORD, max_size=4).map(" ".join)
TEST = st.one_of(
    st.tuples(st.sampled_from(["-n", "-z"]), NAMES).map(lambda one: f'[ {one[0]} "${one[1]}" ]'),
    st.tuples(NAMES, st.sampled_from(["=", "!="]), PLAIN).map(
        lambda one: f'[[ "${one[0]}" {one[1]} {one[2]} ]]'
    ),
    st.tuples(NAMES).map(lambda one: f'test -n "${{{one[0]}:-}}"'),
    st.sampled_from(["true", "false", "! true", "maybe", "[ $# -gt 1 ]", '[ "$K" == kay ]']),
)


def _assignment(name: str, word: str) -> str:
    return f"{name}={word}"


SIMPLE = st.one_of(
    st.tuples(st.sampled_from(["A", "B", "K"]), PIECE).map(lambda one: _assignment(*one)),
    st.tuples(st.sampled_from(["export ", "readonly C", "declare "]), PIECE).map(
        lambda one: f'{one[0]}A="{one[1]}"' if '"' not in one[1] else f"{one[0]}A={one[1]}"
    ),
    WORDS.map(lambda one: f"ARR=({one})"),
    WORDS.map(lambda one: f"ARR+=({one})"),
    PIECE.map(lambda one: f"A+={one}"),
    WORDS.map(lambda one: f"set -- {one}"),
    st.sampled_from(["set -x", "set -eu +eu", "unset A", "shift", "cd /", "maybe", ": note"]),
    st.sampled_from(["read -r A < /dev/null", "A=$(cat /dev/null)", "# note", "echo hi | cat >&2"]),
    st.sampled_from(["cat > /dev/null <<EOF\n$(echo x) ARR=(no)\nEOF", "( A=sub )", "sleep 0 &"]),
    st.sampled_from(["eval A=evaled", "eval 'ARR=(e f)'", "export B", "IFS=,", "{ A=grp; }"]),
    st.just(': "${A:=dflt}"'),
)


def _compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(TEST, inner).map(lambda one: f"{one[0]} && {one[1]}"),
        st.tuples(TEST, inner).map(lambda one: f"{one[0]} || {one[1]}"),
        st.tuples(TEST, inner, inner).map(lambda one: f"{one[0]} && {one[1]} || {one[2]}"),
        st.tuples(TEST, inner).map(lambda one: f"if {one[0]}; then\n{one[1]}\nfi"),
        st.tuples(TEST, inner, inner).map(
            lambda one: f"if {one[0]}; then\n{one[1]}\nelse\n{one[2]}\nfi"
        ),
        st.tuples(TEST, inner, TEST, inner).map(
            lambda one: f"if {one[0]}; then\n{one[1]}\nelif {one[2]}; then\n{one[3]}\nfi"
        ),
        st.tuples(WORD, inner).map(lambda one: f"for A in {one[0]} k; do\n{one[1]}\ndone"),
        st.tuples(NAMES, PLAIN, inner, inner).map(
            lambda one: f'case "${one[0]}" in\n{one[1]}|kay) {one[2]}\n;;\n*) {one[3]}\n;;\nesac'
        ),
        st.tuples(inner, WORDS).map(lambda one: f"f() {{\n{one[0]}\n}}\nf {one[1]}"),
        st.tuples(inner).map(lambda one: f"while maybe; do\nexport MAYBE=1\n{one[0]}\ndone"),
    )


STATEMENTS = st.lists(st.recursive(SIMPLE, _compound, max_leaves=4), max_size=4).map("\n".join)
SCRIPTS = st.tuples(
    STATEMENTS, st.sampled_from(["", "exec ", "Z=1 ", "env Q=2 ", "true && ", "nohup "]), WORDS
).map(lambda one: f"{one[0]}\n{one[1]}python3 {one[2]}\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a `python3` that says its words, and a `maybe` that may fail."""
    path = tmp_path_factory.mktemp("bin")
    says = '#!/bin/sh\n[ $# = 0 ] || printf "%s\\0" "$@"; printf "\\001\\0"\n'
    for name, text in {"python3": says, "maybe": "#!/bin/sh\nexit ${MAYBE:-0}\n"}.items():
        (path / name).write_text(text)
        (path / name).chmod(0o755)
    return path


def made_by(shell: str, script: str, folder: Path, *, maybe: int) -> list[list[str]]:
    """Return the words that every `python3` of a script is given by a real shell."""
    env = {**KNOWN, **HIDDEN, "PATH": f"{folder}:/usr/bin:/bin", "HOME": "/h", "MAYBE": str(maybe)}
    ended = subprocess.run(
        [shell, "-c", script, "zero", "first", "second 2"],
        env=env, cwd=folder, capture_output=True, timeout=10, check=False,
    )  # fmt: skip
    runs: list[list[str]] = [[]]
    for word in ended.stdout.decode().split("\0")[:-1]:
        if word.endswith("\1"):
            runs.append([])
        else:
            runs[-1].append(word)
    return runs[:-1]


def fits(read: tuple[ShellText, ...], made: list[str]) -> bool:
    """Whether a reading allows for what a shell made."""
    if not read:
        return not made
    first, *rest = read
    if first.many:
        return any(fits(tuple(rest), made[count:]) for count in range(len(made) + 1))
    if not made or (first.known and first.text != made[0]):
        return False
    return fits(tuple(rest), made[1:])


def last_python(started: tuple[StartedProgram, ...]) -> tuple[ShellText, ...] | None:
    found = [one.words[1:] for one in started if one.words[0].text == "python3"]
    return found[-1] if found else None


@pytest.mark.skipif(which("bash") is None, reason="bash is not here")
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@example(script="A=--flag\nA+='a b'\nA+=$F\npython3 $A\n")
@given(script=SCRIPTS)
def test_what_is_known_of_a_script_is_what_bash_makes_of_it(script: str, folder: Path) -> None:
    started = run(("bash", "-c", script, "zero", "first", "second 2"), OUTER)
    if started is None:
        return
    for maybe in (0, 1):
        made = made_by("bash", script, folder, maybe=maybe)
        if not made:
            continue
        found = last_python(started)
        assert found is not None, f"no program is seen, but bash starts {made}"
        assert fits(found, made[-1]), f"read as {found}, but bash makes {made[-1]}"


def read(
    script: str,
    *,
    shell: str = "bash",
    outer: ContainerEnvironment = OUTER,
    rest: tuple[str, ...] = (),
) -> str:
    """Return the words of the last python3 of a script; `?` and `*` are not known, one or many."""
    started = run(("bash", "-c", script, *rest), outer)
    found = last_python(started) if started is not None else None
    if found is None:
        return "nothing"
    return " ".join("*" if one.many else one.text if one.known else "?" for one in found)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exec python3 --model $MODEL --tp 1", "--model org/model-1 --tp 1"),
        ("python3 ${MODEL} $SPACED", "org/model-1 one two"),
        ("M=a/b; exec python3 $M", "a/b"),
        ("export M=a/b\nexec env X=1 python3 \\\n  $M \\\n  --x", "a/b --x"),
        ('ARGS=(--a "b c")\nARGS+=(--d)\nexec python3 "${ARGS[@]}" ${ARGS[0]}', "--a b c --d --a"),
        ("exec python3 $UNSET --x", "* --x"),
        ('exec python3 "$UNSET" "--m=$U"', "? ?"),
        ("exec python3 ${UNSET:-y z} ${UNSET:+no} ${K:+yes}", "y z yes"),
        ("exec python3 ${HF_HOME:-/x} ${DYN_PORT:-1} ${A_SERVICE_PORT:-2}", "* * *"),
        ('[ -n "$EXTRA" ] && ARGS+=(--x)\npython3 ${ARGS[@]}', "*"),
        ('if [ "$K" = kay ]; then T=1; else T=2; fi; python3 $T', "1"),
        ('if [ "$UNSET" = kay ]; then T=1; else T=2; fi; python3 $T', "*"),
        ('mkdir -p /x && export T=1 && cd /y && python3 "$T"', "1"),
        ("python3 $(nproc) `nproc` $((1 + 1)) $(F) <(cat x)", "* * ? ? ?"),
        ("f() { python3 \"$@\"; }; f a 'b c'", "a b c"),
        ("bash -c 'python3 --k $K'", "--k kay"),
        ("timeout 5 bash -lc \"exec python3 --k $SPACED\"", "--k one two"),
        (". ./settings.sh\npython3 $K", "*"),
        ("source /opt/venv/bin/activate\npython3 $K", "kay"),
        ("read K\npython3 $K", "*"),
        ("for i in 0 1; do ARGS+=($i); done; python3 ${ARGS[@]}", "0 1"),
        ("python3 a > log --b 2>&1 --c", "a --b --c"),
        ("cat <<EOF\npython3 $(no)\nEOF\npython3 yes # no", "yes"),
        ("python3 {a,b} *.txt ~/x", "* * ?"),
        ("python3 ${MODEL##*/} ${MODEL%%-*} ${#K} ${MODEL/a/b}", "model-1 org/model 3 *"),
        ("eval \"python3 $K\"", "kay"),
        ("exit 0; python3 a", "nothing"),
        ('set -- "$U"; A=("$U"); A+=("$1"); python3 "$1" $1 "${A[1]}" ${A[1]} "$*" ', "? * ? * ?"),
        ("f() { local A=in B; declare K=in; }; A=out; f; python3 $A $K", "out kay"),
        ("for A in $ k; do python3 $A; done", "nothing"),
        ("exec sleep 1; python3 a", "nothing"),
        ("python3 $'a\\tb' 'c $K' \"d \\$K\"", "a\tb c $K d $K"),
    ],
)  # fmt: skip
def test_what_a_script_starts(script: str, words: str) -> None:
    assert read(script) == words


def test_words_behind_a_script_are_its_parameters() -> None:
    assert read('python3 "$@" $0 $# $9', rest=("name", "a b", "c")) == "a b c name 2"
    assert read("shift; python3 $1", rest=("name", "a", "b")) == "b"
    assert read('set -- x "$1"; python3 "$@"', rest=("name", "a")) == "x a"


@pytest.mark.parametrize(
    "words",
    [
        ("sh", "-ec", "python3 a"), ("/bin/bash", "-lc", "python3 a"),
        ("bash", "-c", "--", "python3 a"), ("bash", "-euo", "pipefail", "-c", "python3 a"),
        ("bash", "--norc", "-x", "-c", "python3 a"), ("bash", "-ceuo", "pipefail", "python3 a"),
    ],
)  # fmt: skip
def test_options_of_a_shell_stand_before_its_script(words: tuple[str, ...]) -> None:
    started = run(words, OUTER)
    assert started is not None
    assert [one.text for one in started[0].words] == ["python3", "a"]


def test_a_variable_from_elsewhere_is_not_known() -> None:
    anywhere = ContainerEnvironment(known=(("K", "kay"),), open=True)
    assert read("python3 ${X:-y} $K", outer=anywhere) == "* kay"


@pytest.mark.parametrize(
    "script",
    [
        "echo 'open", "if true; then", "python3 a)", "python3 ${X", "python3\0a", "$(" * 20_000,
        "(" * 100_000, '"$(' * 5_000, "if a; then " * 5_000, "`\"'(){}[]<>|&;$" * 5_000,
        "python3 a\n" * 100_000, "python3 " + "a" * 1_000_000, "f() { f; }; f\npython3 a",
        "A=x;" + "A=$A$A;" * 40 + "python3 $A", "A=(a b);" + 'A+=("${A[@]}");' * 40 + "python3 $A",
        "for a in 1 2 3 4 5 6 7 8; do " * 8 + "python3 a" + "; done" * 8,
        "python3 " + "{" * 50_000, "python3 " + "[" * 50_000, "python3 " + " " * 90_000 + "(",
        "python3 " + "${A:-" * 3_000 + "}" * 3_000, "((" + "x[" * 50_000 + "))\npython3 a",
        "[ " + "-n " * 30_000 + "]\npython3 a", "python3 " + "\\" * 90_001,
        "eval eval eval python3",
    ],
    ids=range(24),
)  # fmt: skip
def test_no_script_takes_long_or_breaks(script: str) -> None:
    started = time.process_time()
    run(("bash", "-c", script), OUTER)
    assert time.process_time() - started < 5


SCRIPTED = sorted((Path(__file__).parents[3] / "examples").glob("**/launch/k8s/*.yaml"))


def test_the_scripts_of_all_examples_can_be_read() -> None:
    seen = 0
    for path in SCRIPTED:
        for graph in read_graphs(path):
            for component in graph.components:
                main = component.main
                words = argv(component, main) if main is not None else ()
                if main is not None and runs_shell(words):
                    seen += 1
                    assert programs(words, environment_of(main, graph.env)), (path, component.name)
    assert seen
