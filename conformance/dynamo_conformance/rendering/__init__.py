"""What the Dynamo operator (1.5.0-dev, 2026-08-21) makes of a `Graph`: pure, and quick."""
