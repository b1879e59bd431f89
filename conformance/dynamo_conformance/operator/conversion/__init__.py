"""Conversion of stored objects without loss, as the operator's webhook does it."""
