"""`dynamo upgrade`: what a manifest meets on its way to another release, and the safe part of it.

`command.py` is the command line, `file_upgrade.py` a file: its changes (`change.py`), and its text
with the safe ones made (`text_edits.py`). What changes is asked of the releases, for one component
(`move.py`): `words.py` of its command line and variables, `release_ways.py` of what it leaves
unsaid, `first_releases.py` of the SDK of 0.3, `operator_changes.py` of operators and their fields,
`images.py` of images; `linting.py` has the linter look at what comes out. `report.py` prints it.
No release is named in code: releases, flags and ways are data of `engines`, operators' changes and
successors of words are in `data`.
"""
