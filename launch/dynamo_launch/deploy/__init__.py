"""`dynamo deploy`: from config files to the files of one target.

* `deploy_command` is the command, `output` what a target adds (`outputs` are those of this
  project), `output_folder` the folder that is written.
* `graph_builder` makes the graph, `graph_component` each component of it: `start_command` its
  command, `container_fields` its environment, ports, resources and probes, `pod_storage` its
  volumes. `source_map` knows in which line each value was written, for errors and comments.
* `component_process` is what a component runs as without Kubernetes, `placement` shares ports and
  GPUs of machines among processes, `shell_text` quotes what goes into scripts.
"""
