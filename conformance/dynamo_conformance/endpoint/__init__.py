"""The conformance suite for OpenAI endpoints of Dynamo, on any address.

A `Question` is one HTTP request, with a name. A `Recorder` asks it once and keeps an `Exchange`:
what was sent and what came, byte for byte, in chunks with times. A `Requirement` is one thing that
can be wrong: an id, a sentence, its source, the questions that it asks, and a function that judges
their exchanges; many requirements judge the same exchange. A `Result` is what became of one: PASS,
FAIL, UNSUPPORTED, DEVIATION or NOT RUN. A `Report` is all results of a run, and where it was.

Data flows one way: questions -> recorder -> exchanges -> requirements -> results (`deviations`,
which are data, turn known failures into DEVIATION) -> report. Nothing that judges asks, nothing
that asks judges, and no exchange holds a secret.
"""
