"""Advice is in the words of the version that its reader writes."""

from __future__ import annotations

import pytest

from dynamo_conformance.manifest.field_words import FieldWords, words_of

ALPHA = FieldWords("componentType", "gpu", "envs", "envFromSecret")
BETA = FieldWords("type", "nvidia.com/gpu", "env", "envFrom")


def test_each_version_has_its_words() -> None:
    assert words_of("v1alpha1") == ALPHA
    assert words_of("v1beta1") == words_of(None) == BETA


@pytest.mark.parametrize(
    ("words", "kind", "line"),
    [
        (BETA, "prefill", "type: prefill"),
        (BETA, "frontend", "type: frontend"),
        (ALPHA, "frontend", "componentType: frontend"),
        (ALPHA, "prefill", "componentType: worker and subComponentType: prefill"),
        (ALPHA, "decode", "componentType: worker and subComponentType: decode"),
    ],
)
def test_a_type_is_said_in_one_field_or_two(words: FieldWords, kind: str, line: str) -> None:
    assert words.typed(kind) == line


@pytest.mark.parametrize("words", [ALPHA, BETA])
def test_gpus_are_called_as_they_are_where_they_stand(words: FieldWords) -> None:
    assert words.gpu_key(("resources", "limits", "gpu")) == "gpu"
    assert words.gpu_key(("resources", "limits", "nvidia.com/gpu")) == "nvidia.com/gpu"
    assert words.gpu_key(("resources", "limits")) == words.gpu
    assert words.gpu_key(()) == words.gpu
