"""Components to copy and change; worker.py is the place to begin."""
