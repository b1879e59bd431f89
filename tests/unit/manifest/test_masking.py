"""What is a secret in a text, and what is not."""

from __future__ import annotations

import time

import pytest

from dynamo_conformance.manifest.document import read_documents
from dynamo_conformance.manifest.masking import is_secret_name, masked, secrets_in

# Put together here, so that no scanner takes this file for a leak.
HF = "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789"
JWT = "eyJhbGciOiJIUzI1NiJ9" + "." + "eyJzdWIiOiIxMjM0In0" + "." + "c2lnbmF0dXJl"
PEM = "-----BEGIN RSA PRIVATE" + " KEY-----\nMIIEow\nAAAA==\n-----END RSA PRIVATE" + " KEY-----"
SHAPED = [
    HF,
    HF[:14],
    "sk-" + "proj-abcdefGHIJ0123456789_-xyz",
    "nvapi-" + "abcdefGHIJ0123456789_-xyz",
    "ghp_" + "abcdefGHIJ0123456789abcdefGHIJ012345",
    "github_pat_" + "11ABCDEFG0abcdefghijkl_mnop",
    "AKIA" + "IOSFODNN7ABCDEFG",
    "glpat-" + "abcdefghij0123456789",
    JWT,
    PEM,
]


@pytest.mark.parametrize("secret", SHAPED, ids=lambda one: one[:11])
@pytest.mark.parametrize("frame", ["{}", 'the flag "{}" is unknown', "--x={}, y", "a/{}", "'{}'"])
def test_a_secret_is_known_by_its_shape(secret: str, frame: str) -> None:
    assert masked(frame.format(secret)) == frame.format("***")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc123def", "Authorization: Bearer ***"),
        ("https://user:hunter2@host/v1", "https://***@host/v1"),
        ("HF_TOKEN=hunter2 python3 -m x", "HF_TOKEN=*** python3 -m x"),
        ("DB_PASSWORD: hunter2", "DB_PASSWORD: ***"),
        ('{"api_key": "hunter2", "n": 1}', '{"api_key": "***", "n": 1}'),
        ("--api-key hunter2 --port 80", "--api-key *** --port 80"),
        ("--api-key=hunter2", "--api-key=***"),
        ("args: [--api-key, hunter2]", "args: [--api-key, ***]"),
        ("- name: MY_SECRET_VALUE\n  value: hunter2", "- name: MY_SECRET_VALUE\n  value: ***"),
        ("{name: OPENAI_API_KEY, value: 'hunter2'}", "{name: OPENAI_API_KEY, value: '***'}"),
        ("AWS_SECRET_ACCESS_KEY=hunter2", "AWS_SECRET_ACCESS_KEY=***"),
    ],
)
def test_a_secret_is_known_by_what_it_is_given_to(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "take it with secretKeyRef: {name: hf-token-secret, key: HF_TOKEN}",
        "envFromSecret: hf-token-secret",
        "HF_TOKEN: $(HF_TOKEN)",
        "export HF_TOKEN=${HF_TOKEN}",
        "HF_TOKEN_PATH=/run/token",
        "TOKENIZERS_PARALLELISM=false --tokenizer-mode slow --max-tokens 16",
        "found character that cannot start any token: write it in quotes",
        "hf_transformers and --hf-overrides",
        "a risk-free-and-well-known-way",
        "STOP_TOKEN=151645",
        "API_KEY=<YOUR_KEY>",
        "api_key: EMPTY",
        'key "spec" is already set in line 3; keep one of them',
    ],
)
def test_what_is_no_secret_is_shown(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    "name", ["HF_TOKEN", "hfToken", "api-key", "apiKey", "X_API_KEY_2", "PWD1"]
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["secretName", "tokenizer", "secretKeyRef", "MAX_TOKEN", "key"])
def test_names_of_other_things(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "text",
    [
        "env: [{name: HF_TOKEN, value: hunter2x}]",
        "env: [{value: hunter2x, name: HF_TOKEN}]",
        "env:\n- name: HF_TOKEN\n  value: >-\n    hunter2x\n",
        "args: [--api-key, hunter2x]",
        "args: ['--hf-token=hunter2x']",
        "args:\n- |\n  export HF_TOKEN=hunter2x\n  exec x\n",
        "password: hunter2x",
        "env: [{name: HF_TOKEN, valeu: hunter2x}]",
        "env: [{name: HF_TOKEN, value: {x: hunter2x}}]",
        "env: [{name: HF_TOKEN, value: [hunter2x]}]",
        "environment: {HF_TOKEN: [hunter2x]}",
        "a: &a {apiKey: 'hunter2x'}\nb: *a",
    ],
)
def test_a_secret_of_a_document_is_masked_wherever_it_is_repeated(text: str) -> None:
    (document,) = read_documents(text, file="a.yaml")
    secrets = secrets_in(text, document.root)
    assert secrets.masked('the word "hunter2x" is unknown') == 'the word "***" is unknown'
    for around in ("--{}", "a/{}", "spec.x[0].{}", "repo/{}:1@b", "*{}", "$${}", "x={}."):
        assert "hunter2x" not in secrets.masked(around.format("hunter2x"))
    assert "***" not in secrets.masked("no such file: a-hunter2xyz")
    assert secrets.are_in("    image: hunter2x")
    assert not secrets.are_in("    image: hunter")


@pytest.mark.parametrize("text", ["{stopToken: 1516456}", "{HF_TOKEN: 1516456}"])
def test_a_number_for_a_token_is_one_of_a_vocabulary(text: str) -> None:
    (document,) = read_documents(text, file="a.yaml")
    assert secrets_in(text, document.root).masked("1516456") == "1516456"


def test_a_number_is_a_password() -> None:
    (document,) = read_documents("password: 1516456", file="a.yaml")
    assert secrets_in("password: 1516456", document.root).masked("1516456 it is") == "*** it is"


@pytest.mark.parametrize(("secret", "shown"), [("a" * 12, "x***x"), ("a" * 11, f"x{'a' * 11}x")])
def test_a_long_secret_is_masked_inside_of_a_word(secret: str, shown: str) -> None:
    (document,) = read_documents(f"password: {secret}", file="a.yaml")
    assert secrets_in("password", document.root).masked(f"x{secret}x") == shown


def test_the_beginning_of_a_long_secret_is_one_too() -> None:
    (document,) = read_documents("token: " + "abcdefghij" * 10, file="a.yaml")
    secrets = secrets_in("token", document.root)
    assert secrets.masked(f'"{"abcdefghij" * 5}..." is wrong') == '"***" is wrong'


@pytest.mark.parametrize(
    "text",
    ["eyJ-" * 200_000, "token" * 200_000, "TOKEN=" * 200_000, "a" * 1_000_000 + "token=",
     "-----BEGIN PRIVATE KEY-----" * 20_000, "bearer " * 100_000, "://a:" * 200_000,
     "sk-" * 300_000, "--key " * 200_000, "name: a\n" * 100_000],
    ids=lambda one: one[:12],
)  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    begun = time.process_time()
    masked(text, manifest=True)
    assert time.process_time() - begun < 3


@pytest.mark.parametrize(
    "text",
    [
        "env: [{name: HF_TOKEN, valueFrom: {secretKeyRef: {name: hunter2x, key: hunter2x}}}]",
        "volumes: [{name: hf-token, secret: {secretName: hunter2x}}]",
        "containers: [{name: token-secret, image: hunter2x}]",
        "secretKeyRef: {name: HF_TOKEN, key: hunter2x}",
    ],
)
def test_what_only_refers_to_a_secret_is_shown(text: str) -> None:
    (document,) = read_documents(text, file="a.yaml")
    assert secrets_in(text, document.root).masked("a hunter2x") == "a hunter2x"
