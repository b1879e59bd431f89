"""The same, with prompts on workers of their own; `dynamo serve graphs.disagg:Frontend`."""

from components.frontend import Frontend
from components.prefill_worker import PrefillWorker
from components.worker import VllmWorker

Frontend.link(VllmWorker).link(PrefillWorker)
