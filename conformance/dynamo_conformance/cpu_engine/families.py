"""Families of models: the tiny configuration that stands for a model of each.

A family has the architecture, the special tokens, the chat template and the longest context of its
published models; layers, widths and the vocabulary are tiny. Source: the `config.json` and
`tokenizer_config.json` of the published models that `example` names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a set of weights is."""

    MODEL = "model"
    DRAFT = "draft"
    ADAPTER = "adapter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """The special tokens and the chat template of a family.

    Attributes:
        special: Tokens that no text has; each is one token.
        plain: Tokens of one piece that text may have, such as those around a tool call. A model
            with those around a thought thinks before each answer.
        end: What ends an answer.
        pad: What fills up a batch, and ends a text.
        template: The chat template, in Jinja.
        begin: What every prompt begins with, or an empty text.
    """

    special: tuple[str, ...]
    plain: tuple[str, ...]
    end: str
    pad: str
    template: str
    begin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A family of models.

    Attributes:
        name: Its name here.
        pattern: What names of its models look like, without their organization, in small letters.
        model_type: What transformers calls its configuration.
        context: The longest sequence in tokens.
        marks: Its special tokens and chat template.
        sees: Whether it takes images.
        experts: How many experts each layer has; 0 for a dense model.
        example: A published model.
    """

    name: str
    pattern: str
    model_type: str
    context: int
    marks: Marks
    example: str
    sees: bool = False
    experts: int = 0


_TOOLS = (
    "# Tools\n{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}"
    '<tool_call>{"name": ..., "arguments": ...}</tool_call>'
)
_CONTENT = (
    "{% if message.content is string %}{{ message.content }}"
    "{% elif message.content %}{% for part in message.content %}"
    "{% if part.type == 'image' or part.type == 'image_url' %}IMAGE"
    "{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}"
)
_CALLS = (
    "{% for call in message.tool_calls or [] %}<tool_call>{{ call.function | tojson }}</tool_call>"
    "{% endfor %}"
)
_CHATML = (
    f"{{% if tools %}}<|im_start|>system\n{_TOOLS}<|im_end|>\n{{% endif %}}"
    f"{{% for message in messages %}}<|im_start|>{{{{ message.role }}}}\n{_CONTENT}{_CALLS}"
    "<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_LLAMA = (
    "{{ bos_token }}"
    "{% if tools %}<|start_header_id|>system<|end_header_id|>\n\n"
    "{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}<|eot_id|>{% endif %}"
    "{% for message in messages %}<|start_header_id|>{{ message.role }}<|end_header_id|>\n\n"
    f"{_CONTENT}"
    "{% for call in message.tool_calls or [] %}{{ call.function | tojson }}{% endfor %}"
    "<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
VISION: Final = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
QWEN: Final = Marks(
    special=("<|endoftext|>", "<|im_start|>", "<|im_end|>", *VISION),
    plain=("<tool_call>", "</tool_call>"),
    end="<|im_end|>",
    pad="<|endoftext|>",
    template=_CHATML.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>"),
)
QWEN3: Final = replace(QWEN, plain=(*QWEN.plain, "<think>", "</think>"))
LLAMA: Final = Marks(
    special=(
        "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
        "<|eot_id|>", "<|python_tag|>", "<|finetune_right_pad_id|>",
    ),
    plain=(),
    end="<|eot_id|>",
    pad="<|finetune_right_pad_id|>",
    template=_LLAMA.replace("IMAGE", ""),
    begin="<|begin_of_text|>",
)  # fmt: skip

FAMILIES: Final = (
    Family(
        name="qwen2.5-vl", pattern=r"qwen2\.5-vl", model_type="qwen2_5_vl", context=128000,
        marks=QWEN, example="Qwen/Qwen2.5-VL-7B-Instruct", sees=True,
    ),
    Family(
        name="qwen3-embedding", pattern=r"qwen3-embedding", model_type="qwen3", context=32768,
        marks=QWEN, example="Qwen/Qwen3-Embedding-0.6B",
    ),
    Family(
        name="qwen3-moe", pattern=r"qwen3-\d+b-a\d+b", model_type="qwen3_moe", context=40960,
        marks=QWEN3, example="Qwen/Qwen3-30B-A3B", experts=4,
    ),
    Family(
        name="qwen3", pattern=r"qwen3-[\d.]+b|deepseek-r1-0528-qwen3", model_type="qwen3",
        context=40960, marks=QWEN3, example="Qwen/Qwen3-0.6B",
    ),
    Family(
        name="qwen2", pattern=r"qwen2(?:\.5)?-|qwq-|distill-qwen", model_type="qwen2",
        context=32768, marks=QWEN, example="Qwen/Qwen2.5-0.5B-Instruct",
    ),
    Family(
        name="llama", pattern=r"llama", model_type="llama", context=131072, marks=LLAMA,
        example="meta-llama/Llama-3.1-8B-Instruct",
    ),
)  # fmt: skip
"""The first whose pattern is in a model's name is the model's."""


class UnknownFamilyError(ValueError):
    """A model that no tiny model stands for."""

    def __init__(self, model: str) -> None:
        known = ", ".join(family.name for family in FAMILIES)
        super().__init__(f"no tiny model stands for {model}; families that one is made of: {known}")


def family_of(model: str) -> Family:
    """Return the family of a model, by its hub id or path.

    Raises:
        UnknownFamilyError: There is none.
    """
    name = model.rstrip("/").rpartition("/")[2].lower()
    for family in FAMILIES:
        if re.search(family.pattern, name):
            return family
    raise UnknownFamilyError(model)
