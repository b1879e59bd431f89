"""Where a Service sends requests: only to pods that are ready, on the port that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.kube.endpoints import Backend, Slice, backends, read_slice

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Plain


def endpoint(pod: str, *, ready: bool | None) -> dict[str, Plain]:
    conditions: dict[str, Plain] = {} if ready is None else {"ready": ready}
    return {"conditions": conditions, "targetRef": {"kind": "Pod", "name": pod}}


def made(
    *endpoints: dict[str, Plain], ports: dict[str, Plain], service: str = "agg-frontend"
) -> Slice:
    return read_slice(
        {
            "metadata": {"labels": {"kubernetes.io/service-name": service}},
            "ports": [{"name": name, "port": port} for name, port in ports.items()],
            "endpoints": list(endpoints),
        }
    )


def test_only_ready_pods_get_requests() -> None:
    one = made(
        endpoint("a", ready=True),
        endpoint("b", ready=False),
        endpoint("c", ready=None),
        {"conditions": {"ready": True}},
        ports={"http": 8000},
    )
    found = backends([one], service="agg-frontend", port="http")
    assert found == (Backend("a", 8000), Backend("c", 8000))


def test_slices_of_one_service_are_taken_together() -> None:
    slices = (
        made(endpoint("a", ready=True), ports={"http": 8000}),
        made(endpoint("b", ready=True), ports={"http": 8001}),
        made(endpoint("x", ready=True), ports={"http": 8000}, service="other"),
    )
    found = backends(slices, service="agg-frontend", port="http")
    assert found == (Backend("a", 8000), Backend("b", 8001))


def test_one_port_may_be_called_anything() -> None:
    one = made(endpoint("a", ready=True), ports={"": 9000})
    assert backends([one], service="agg-frontend", port="http") == (Backend("a", 9000),)
    two = made(endpoint("a", ready=True), ports={"grpc": 1, "metrics": 2})
    assert backends([two], service="agg-frontend", port="http") == ()
