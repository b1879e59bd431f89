"""Which services make which graph."""
