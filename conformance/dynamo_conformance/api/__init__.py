"""What the API server says of a manifest."""
