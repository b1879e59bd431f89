"""Whether an address can be judged at all; when not, why, in words for people."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from dynamo_conformance.probes.areas.models import LIST
from dynamo_conformance.probes.exchange import shortened
from dynamo_conformance.probes.questions import CHAT

if TYPE_CHECKING:
    from dynamo_conformance.probes.exchange import Exchange
    from dynamo_conformance.probes.recorder import Address, Recorder

PAGE: Final = "text/html"
REDIRECTS: Final = range(300, 400)
NO_KEY, FORBIDDEN = 401, 403
PROXIES: Final = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")

REASONS: Final = (
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted; vouch for it with --ca FILE"),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS; is its address http://?"),
    ("RECORD_LAYER_FAILURE", "it does not speak TLS; is its address http://?"),
    ("Name or service not known", "no host is called so"),
    ("Temporary failure in name resolution", "its name cannot be looked up now"),
    ("No address associated with hostname", "no host is called so"),
    ("Connection refused", "nobody listens there"),
    ("Network is unreachable", "there is no way to it from here"),
    ("No route to host", "there is no way to it from here"),
    ("Timeout", "it takes longer than --request-timeout"),
    ("not complete after", "it takes longer than --request-timeout"),
    ("illegal status line", "it does not speak HTTP; is its address https://?"),
    ("Server disconnected", "it hangs up without an answer; is its address https://?"),
)  # fmt: skip
"""What an error of the connection holds, and what it means."""


def why_not(recorder: Recorder, *, is_model_known: bool) -> str:
    """Return why what answers at an address cannot be judged, or nothing."""
    listed = recorder.ask(LIST)
    if not listed.status:
        return _silent(listed)
    if listed.status in REDIRECTS:
        target = shortened(listed.header("location").partition("?")[0], 200)
        return f"{listed.url} leads to {target or 'another address'}; ask that: none is followed"
    if listed.status in (NO_KEY, FORBIDDEN):
        return _refused(listed, recorder.address)
    is_page = listed.media_type == PAGE
    if is_page and is_model_known:  # Some answer so where they serve no list of models.
        is_page = recorder.ask(CHAT.plain).media_type == PAGE
    if is_page:
        return (
            f"{listed.url} answers with a web page (HTTP {listed.status}), not with an API: is "
            "something before it that wants a login, or is the path another?"
        )
    return ""


def _silent(exchange: Exchange) -> str:
    reason = next((why for part, why in REASONS if part in exchange.error), "")
    error = shortened(exchange.error)
    why = f"{reason} ({error})" if reason else error
    names = [name for name in PROXIES if os.environ.get(name) or os.environ.get(name.lower())]
    proxies = (
        f"; {names[0]} is set, but no proxy is used: what a proxy answers is not the endpoint's"
        if names
        else ""
    )
    return f"{exchange.url} does not answer: {why}{proxies}"


def _refused(exchange: Exchange, address: Address) -> str:
    status = f"{exchange.url} answers HTTP {exchange.status}"
    if address.key_name:
        return f"{status}: the key in {address.key_name} is not accepted"
    if address.headers:
        return f"{status}: what was sent with --header is not accepted, or a key is needed too"
    return f"{status}: name with --api-key-env the environment variable that holds a key"
