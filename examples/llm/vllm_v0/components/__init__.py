"""The services of these graphs, for the SDK of Dynamo 0.3.1; worker.py is the place to begin."""
