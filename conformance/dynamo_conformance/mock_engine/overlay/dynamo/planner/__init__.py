"""The planner's package: what it is run by is the mock engine's, all the rest is Dynamo's own."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
