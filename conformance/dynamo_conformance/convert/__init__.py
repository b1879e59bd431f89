"""Converting manifests between the API versions, as the operator's own conversion does."""
