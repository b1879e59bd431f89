"""What is known of each engine and release: its flags, and what its command lines mean.

`commandline.py` finds the module that a container starts (`shell/` follows scripts), `catalog.py`
parses its words with the flags of its release (`catalog_files.py`), `role.py` says what the
component does, `serving.py` and `features.py` what the graph serves. `conflicts.py` and
`flag_dependencies.py` are about several flags together, `config_file.py`, `trtllm_options.py` and
`planner.py` about files, `release_names.py` about modules and variables, `releases.py` about how
each release does things, `json_options.py` and `deprecated_values.py` about the JSON of flags and
words that are on their way out, `limits.py` about what engines, kernels and GPUs do not allow.
`gpu.py` names the GPU of a component, `memory.py` counts what a model takes of it, from
`data/models.json` or (`model_config.py`) a `config.json`.

To add a release: `tools/new_release.py`; `tools/older_releases.py` makes the older ones anew.

To add an engine: a member in `engine.py`, its module in `commandline.ENGINE_MODULES`, its flags
with `tools/flags.py` (older versions' with `tools/engine_flags.py`), and rows in
`data/conflicts-*.json` and `flag_dependencies.py` where settings depend on each other; to serve it
without a GPU, a reader of its words in `mock_engine` (as `vllm_reader.py`), and its module in
`mock_engine/overlay`.
"""
