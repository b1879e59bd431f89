"""Judging manifests offline: rules over the one model of a graph, findings with positions."""
