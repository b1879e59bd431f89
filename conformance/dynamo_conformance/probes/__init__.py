"""The conformance suite for OpenAI endpoints of Dynamo, on any address.

A `Question` is one HTTP request, with a name. A `Recorder` asks it once and keeps an `Exchange`:
what was sent and what came, byte for byte, in chunks with times. A `Probe` is one thing that
can be wrong: an id, a sentence, its source, the questions that it asks, and a function that judges
their exchanges; many probes judge the same exchange. A `Result` is what became of one: PASS,
FAIL, UNSUPPORTED, DEVIATION or NOT RUN. A `Report` is all results of a run, and where it was.

Data flows one way: questions -> recorder -> exchanges -> probes -> results (`deviations`,
which are data, turn known failures into DEVIATION) -> report (`page` shows it in a browser,
`comparison` holds it against an older one). Nothing that judges asks, nothing that asks judges, and
no exchange holds a secret. `command` is `dynamo probe`; it reads `options`, and `reachable` says in
words for people why there is nothing to judge at an address.

`load_probes` returns those of all `areas`, and those that other packages add by entry points. What
a manifest promises (`promises`) is needed features that must be there, and the area `graph`, whose
questions go to the workers' system ports too.
"""
