"""The engine itself on a CPU, with weights made on the spot: the level `cpu`.

    names of models -> families (a tiny configuration for each) -> weights -> the run's hub cache
    the machine     -> engine_environment (memory, threads, caches) -> every process

The published words start the engine that is installed: `python3 -m dynamo.vllm --model ...`, with a
vLLM that was built for CPUs. What a CPU has no room for is adapted around them, and each adaptation
is a `Change`: models have two layers of random weights under the published name, one thread
computes, and the KV cache has a size that several workers find room for.

Guided decoding, log probabilities, seeds, adapters, KV events, drafts and the handoff of KV blocks
are the engine's own. Speed, memory, accuracy and everything that only a GPU has are not shown.

Modules: `families` says which tiny model stands for which name; `make_weights` is the program that
makes one, with the engine's own torch; `weights` keeps what it made, and lays it out as a hub;
`engine_environment` is what processes get; `overlay` is first on their PYTHONPATH; `engine_image`
is all of it as an image.
"""
