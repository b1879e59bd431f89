"""A kind cluster as a target: its life, and the world in it that stands for a GPU cluster."""
