"""What was proven, for people."""
