"""What is known of each engine and release: its flags, and what its command lines mean."""
