"""A Kubernetes client for the `cluster` target and the reference operator alike.

`resources` has the objects and their kinds, `client` the requests for coroutines, `errors` what an
API server refuses. `connection` is a client for threads (`loop`), with the credentials of a
`kubeconfig`. `tunnel`, `endpoints` and `framing` lead to ports of pods; `labels` marks our objects.
"""
