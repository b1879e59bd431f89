"""vLLM's Python API, as far as the components of the examples use it; simulated."""
