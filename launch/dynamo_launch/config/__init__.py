"""Run configs: what one component is started with, read once for everything that launches."""
