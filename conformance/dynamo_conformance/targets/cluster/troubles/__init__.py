"""What keeps graphs from coming up: one module per subject, each finds its own troubles."""
