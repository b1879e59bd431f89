"""A graph on this machine: its pods as processes on the real Dynamo runtime (`dynamo up`).

`command` is `dynamo up`, which writes through `terminal`; `deployment` runs a graph, `local_script`
a published script. `admission` refuses what a cluster would refuse; `local_plan` turns pods into
processes, with `run_paths` (paths below the run's folder), `rewrite` and `port_reservations`
(ports), `gpus` (CUDA_VISIBLE_DEVICES) and `third_party` (components that are left out).
`component_process` starts processes through `supervisor`, a process of its own that ends them all;
`landlock` keeps them from writing elsewhere.
"""
