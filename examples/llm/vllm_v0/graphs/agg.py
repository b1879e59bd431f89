"""A frontend and workers that compute prompts and answers; `dynamo serve graphs.agg:Frontend`."""

from components.frontend import Frontend
from components.worker import VllmWorker

Frontend.link(VllmWorker)
