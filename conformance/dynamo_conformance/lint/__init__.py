"""`dynamo lint`: rules over manifests, and findings with file, line and column.

`command.py` is the command line, `options.py` and `pyproject.py` are what it takes;
`operator_choice.py` is by which operator a graph is judged, `cluster_operator.py` asks a cluster
for its own, `crd_choice.py` reads the CRD;
`manifest_files.py` and `partial_files.py` choose the files, `runner.py` and `cache.py` check many
of them, `check.py` checks one. `rules/` has one module per rule, `rule.py` what a rule is given and
returns (`Subject`, `Problem`); `engine_settings.py` is what a component's words, variables and
files give its engine, `engine_memory.py` what that makes of GPU memory. `suppression.py` leaves out
what comments and settings allow, `fix.py` applies safe fixes, `output/` has one module per report
format, `rule_pages.py` makes the pages of docs/rules.md.
"""
