"""The reference operator: stands in for the Dynamo operator where a cluster has none."""
