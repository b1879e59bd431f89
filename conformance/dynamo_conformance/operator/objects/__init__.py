"""The objects that the operator makes for a graph."""
