"""Kubernetes: its objects, its API server, and connections to pods."""
