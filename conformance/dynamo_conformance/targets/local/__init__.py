"""A graph on this machine: its pods as processes on the real Dynamo runtime."""
