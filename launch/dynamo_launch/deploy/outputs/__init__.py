"""The outputs of this project, by `--target`: `k8s`, `compose`, `slurm`, `local`.

* `compose_service` makes the services of `compose`, `slurm_slots` what `slurm` asks of the cluster.
* `bash_script` is shared by `slurm` and `local`, `yaml_comments` by `k8s` and `compose`,
  `output_checks` by all.
"""
