"""Launching Dynamo: one component as one process."""
