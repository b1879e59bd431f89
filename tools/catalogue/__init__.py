"""The catalogue: pages about the examples, made from the tree and its ledger."""
