"""Docker Compose: a compose file as published, on this machine's container engine."""
