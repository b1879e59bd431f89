"""Ways to write findings down; one module per format."""
