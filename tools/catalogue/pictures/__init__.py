"""Pictures: each graph as an SVG, made from its own manifest."""
