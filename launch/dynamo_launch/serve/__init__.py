"""`dynamo serve`: one component as one process.

* `serve_command` is the command, `serve_arguments` splits its words, `component_arguments` reads
  those that are the component's.
* `serve_plan` decides between command line, environment and file, with the flags (`planned_flags`,
  `option_words`) of a program (`component_program`); `option_aliases` are names for all engines.
* `custom_program` starts a developer's own module; `invocation` executes, `installed` looks first.
"""
