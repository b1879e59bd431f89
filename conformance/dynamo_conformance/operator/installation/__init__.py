"""Installing the reference operator into a cluster."""
