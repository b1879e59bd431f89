"""/v1/models lists exactly what the graph serves."""

from __future__ import annotations

from dynamo_conformance.probes.probe import REQUEST_SECONDS, Endpoint, Probe, expect


def models(endpoint: Endpoint) -> None:
    """The list holds the served id, once, and nothing else."""
    repeat = endpoint.curl("/v1/models")
    with endpoint.session() as session:
        answer = session.get(f"{endpoint.url}/v1/models", timeout=REQUEST_SECONDS)
    expect(answer.ok, f"/v1/models is answered {answer.status_code}", repeat=repeat)
    ids = [item["id"] for item in answer.json()["data"]]
    text = f"/v1/models lists {ids}, expected exactly {endpoint.model}"
    expect(ids == [endpoint.model], text, repeat=repeat)


PROBES = (Probe(id="models", run=models),)
