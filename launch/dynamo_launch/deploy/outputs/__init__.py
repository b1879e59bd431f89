"""The outputs of this project: one module each."""
