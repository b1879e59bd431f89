from __future__ import annotations

import re

import pytest

from dynamo_conformance.mock_engine import kv_config
from dynamo_conformance.mock_engine.engine_refusal import CannotSimulate, UsageRefusal, ValueRefusal


def test_transfer_names_connector_and_role() -> None:
    found = kv_config.transfer('{"kv_connector": "NixlConnector", "kv_role": "kv_both"}')
    assert found == kv_config.KvTransfer(connector="NixlConnector", role="kv_both")
    assert kv_config.transfer(None) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{bad", "KVTransferConfig: Invalid JSON"),
        ("[]", "Input should be an object, got []"),
        ('{"kv_connector": "NixlConnector"}', "Please specify kv_role when kv_connector is set"),
        (
            '{"kv_connector": "NixlConnector", "kv_role": "kv_produce"}',
            "got 'kv_produce'; did you mean \"kv_producer\"?",
        ),
        (
            '{"kv_load_failure_policy": "recomputed"}',
            "got 'recomputed'; did you mean \"recompute\"?",
        ),
        (
            '{"kv_conector": "NixlConnector"}',
            'kv_conector: Unexpected keyword argument; did you mean "kv_connector"?',
        ),
        ('{"kv_port": "1"}', 'kv_port: Input should be a valid int, got "1"'),
        ('{"kv_port": true}', "kv_port: Input should be a valid int, got true"),
    ],
)
def test_transfer_is_refused_as_argparse_would(text: str, words: str) -> None:
    with pytest.raises(UsageRefusal, match=re.escape(words)) as refused:
        kv_config.transfer(text)
    assert str(refused.value).startswith("argument --kv-transfer-config: ")
    assert refused.value.code == 2


@pytest.mark.parametrize(
    "config",
    [
        '"kv_connector": "DynamoNixlConnector"',
        (
            '"kv_connector": "MultiConnector", "kv_connector_extra_config": '
            '{"connectors": [{"kv_connector": "DynamoNixlConnector"}]}'
        ),
    ],
)
def test_a_connector_that_vllm_does_not_have_is_refused(config: str) -> None:
    words = "Unsupported connector type: DynamoNixlConnector"
    with pytest.raises(ValueRefusal, match=words) as refused:
        kv_config.transfer(f'{{{config}, "kv_role": "kv_both"}}')
    assert refused.value.code == 1


def test_a_connector_out_of_a_module_of_its_own_is_taken() -> None:
    own = '"kv_connector": "HouseConnector", "kv_connector_module_path": "house.connector"'
    found = kv_config.transfer(f'{{{own}, "kv_role": "kv_both"}}')
    assert found is not None


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ('{"enable_kv_cache_events": true}', 5557),
        ('{"enable_kv_cache_events": "yes", "endpoint": "tcp://*:20080"}', 20080),
        ('{"enable_kv_cache_events": 1, "publisher": "zmq", "topic": "kv-events"}', 5557),
    ],
)
def test_events_have_a_port(text: str, port: int) -> None:
    found = kv_config.events(text)
    assert found is not None
    assert found.port == port


@pytest.mark.parametrize(
    "text",
    [
        None,
        "{}",
        '{"publisher": "zmq", "endpoint": "tcp://*:20080"}',
        '{"enable_kv_cache_events": false, "publisher": "zmq"}',
        '{"enable_kv_cache_events": true, "publisher": "null"}',
    ],
)
def test_events_are_off_unless_enabled(text: str | None) -> None:
    assert kv_config.events(text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"enable_kv_cache_events": "maybe"}', "Input should be a valid bool"),
        ('{"publisher": "redis"}', "Input should be 'null' or 'zmq', got 'redis'"),
        ('{"enable_kv_events": true}', "enable_kv_events: Unexpected keyword argument"),
        ('{"endpoint": 5}', "endpoint: Input should be a valid str, got 5"),
    ],
)
def test_events_are_refused_as_argparse_would(text: str, words: str) -> None:
    with pytest.raises(UsageRefusal, match=re.escape(words)):
        kv_config.events(text)


@pytest.mark.parametrize(
    "endpoint", ["inproc://cache", "tcp://*:0", "tcp://*", "tcp://*:70000", "20080"]
)
def test_events_need_a_fixed_port(endpoint: str) -> None:
    with pytest.raises(CannotSimulate, match=re.escape(f'endpoint "{endpoint}"')):
        kv_config.events(f'{{"enable_kv_cache_events": true, "endpoint": "{endpoint}"}}')
