"""The pytest plugin: options, what is collected, what runs at once, and what a run leaves."""
