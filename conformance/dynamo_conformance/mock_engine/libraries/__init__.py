"""The engines' own Python APIs, as far as the components of the examples use them.

A component that runs an engine in its own process imports the engine's library, not a Dynamo module
that could be simulated. These stand for it: they take what the component gives, refuse what the
library would refuse of it, and answer with made-up tokens.
"""
