r"""Make `engines/data/releases.json`: what each release pins and starts, and how it does things.

    python tools/releases.py --wheels FOLDER --date 2026-11-30 \
        --out conformance/dynamo_conformance/engines/data

FOLDER holds one wheel of `ai-dynamo` for each release that shall be known (`pip download --no-deps
ai-dynamo==X.Y.Z`). Engines and modules are read from them; the ways are the rows of
`releases_by_hand.json` next to this file, each with its source.
"""

from __future__ import annotations

import argparse
import json
import re
import zipfile
from email.parser import BytesParser
from pathlib import Path

_HERE = Path(__file__).parent
_MAIN = re.compile(r"(dynamo/.+)/__main__\.py")
_PIN = re.compile(
    r"""(?:ai-dynamo-)?(vllm|sglang|tensorrt-llm)(?:\[[^]]*\])?\s*(?:==|~=)\s*([^\s;,]+)"""
)
_ENGINES = {"vllm": "vllm", "sglang": "sglang", "tensorrt-llm": "trtllm"}


def _order(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in release.split("."))


def _described(wheel: Path) -> tuple[str, dict[str, object]]:
    """Return a wheel's release, and the engines and modules that it says."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = next(name for name in names if name.endswith(".dist-info/METADATA"))
        message = BytesParser().parsebytes(archive.read(metadata))
    pins = (_PIN.match(line) for line in message.get_all("Requires-Dist", []))
    engines = {_ENGINES[pin[1]]: pin[2] for pin in pins if pin}
    mains = filter(None, map(_MAIN.fullmatch, names))
    modules = sorted(main[1].replace("/", ".") for main in mains if "/tests/" not in main[1])
    return str(message["Version"]), {"engines": engines, "modules": modules}


def main() -> None:
    """Write `releases.json` into the output folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheels", type=Path, required=True)
    parser.add_argument("--date", required=True, help="the day of the reading, YYYY-MM-DD")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    wheels = map(_described, options.wheels.glob("ai_dynamo-*.whl"))
    releases = dict(sorted(wheels, key=lambda item: _order(item[0])))
    hand = json.loads((_HERE / "releases_by_hand.json").read_text(encoding="utf-8"))
    data = {
        "source": "wheels of ai-dynamo; tools/releases_by_hand.json",
        "date": options.date,
        "studied": hand["studied"],
        "releases": releases,
        "ways": sorted(hand["rows"], key=lambda row: (row["what"], _order(row["since"]))),
    }
    rows = ",\n ".join(json.dumps(row) for row in data["ways"])
    known = ",\n ".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in releases.items())
    text = (
        f'{{"source": {json.dumps(data["source"])},\n"date": {json.dumps(data["date"])},\n'
        f'"studied": {json.dumps(data["studied"])},\n'
        f'"releases": {{\n {known}}},\n"ways": [\n {rows}]}}\n'
    )
    (options.out / "releases.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
