"""`dynamo serve`: one component as one process."""
