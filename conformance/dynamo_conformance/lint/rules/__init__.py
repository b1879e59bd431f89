"""The rules of `dynamo lint`, one module each: `block_size.py` is the rule `block-size`.

The first word is the subject: `api_` what the API server and operator refuse, `pod_` and `probe_`
fields of pods, `command_`, `engine_` and `flag_` command lines, `gpu_`, `kv_`, `planner_`,
`image_`, ...

To add a rule: write `rules/<id with underscores>.py` with `SEVERITY`, `check(subject)` and a
docstring with `Fix:`, `PASS:` and `FAIL:` (see `lint/rule.py`); put cases below
`tests/unit/lint/cases/<id>/`; run `python tests/unit/lint/test_rules.py` and `python
tools/rules_md.py > docs/rules.md`. Nothing else needs to know of it.
"""
