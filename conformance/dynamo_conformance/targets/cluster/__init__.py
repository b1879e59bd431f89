"""One example on a cluster that a kubeconfig and a context lead to."""
