"""Components to copy and change; encode_worker.py is the place to begin."""
