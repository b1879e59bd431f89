"""`dynamo deploy`: from component run configs and a deployment spec to files for one target."""
