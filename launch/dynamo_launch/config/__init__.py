"""Config files, read once for everything that launches.

* `config_reader` reads the YAML, `config_schema` checks it, `keys` and `spelling` know what to
  write instead, `config_error` collects what is wrong.
* `run_config` is what one component is started with, `run_config_reader` reads it, `wiring` the
  words that say which component is meant.
* `graph_config` is what one or two files set for all components of a graph.
"""
