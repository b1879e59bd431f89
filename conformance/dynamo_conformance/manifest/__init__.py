"""Reading manifests: text to positioned nodes, nodes to documents, documents to one `Graph`."""
