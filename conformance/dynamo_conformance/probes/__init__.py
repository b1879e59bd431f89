"""Probes: checks of the OpenAI endpoint of a graph that is up; a probe that returns has passed.

`probe` says what a probe is, and lists the modules below in the order they run in.
`registration` (/v1/models, the workers in their roles), `text_answers` (chat, streams, ...),
`embeddings`, `images`, `unknown_model` (the 404 and its error body), `disaggregation` (prefill
workers do the prefill), `routing` (the KV router), `feature_claims` (what a manifest asks for and
answers alone do not prove). What they share: `openai_client`, `metrics` (the workers' counters) and
`mock_workers` (whether the mock engine answers).
"""
