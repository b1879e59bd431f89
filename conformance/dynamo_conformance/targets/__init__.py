"""Where a graph runs: one small interface, one package per target."""
