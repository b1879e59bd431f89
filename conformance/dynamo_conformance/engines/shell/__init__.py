"""Shell scripts: which programs a shell starts, and with which words, as far as that can be known.

Both branches of a condition that cannot be known are followed; what they leave different is not
known afterwards. What is started there is marked as uncertain.
"""

from __future__ import annotations

from dynamo_conformance.engines.shell.program import (
    SHELLS,
    ContainerEnvironment,
    StartedProgram,
    is_shell,
    script_at,
)

__all__ = ["SHELLS", "ContainerEnvironment", "StartedProgram", "is_shell", "script_at"]
