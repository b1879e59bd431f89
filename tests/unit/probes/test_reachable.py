"""What `dynamo probe` says of addresses at which there is nothing to judge."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import trustme

from dynamo_conformance.probes.command import FORMATS
from right_server import MODEL, Reply, RightServer, as_json, on_port
from shell_runs import CHAT_ONLY, Ended, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Answer = Callable[[str, str, dict[str, str], bytes], Reply]

NO_ANSWER = 3
PAGE = Reply(200, {"content-type": "text/html; charset=utf-8"}, [b"<html>Log in</html>"])


def answering(reply: Reply, *, models_only: bool = False) -> Answer:
    server = RightServer()

    def answer(method: str, target: str, headers: dict[str, str], raw: bytes) -> Reply:
        if models_only and not target.startswith("/v1/models"):
            return server.reply(method, target, headers, raw)
        return reply

    return answer


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve connections one after the other, whatever they say."""
    listener = socket.create_server(("127.0.0.1", 0))
    is_over = threading.Event()

    def serve() -> None:
        while not is_over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    answer(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        is_over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=10)


def refused(ended: Ended, *texts: str) -> None:
    assert (ended.code, ended.out) == (NO_ANSWER, "")
    assert ended.err.count("\n") == 1
    for text in texts:
        assert text in ended.err


def test_nobody_listens_though_a_model_is_named() -> None:
    refused(run("http://127.0.0.1:1", *CHAT_ONLY), "does not answer: nobody listens there")


def test_no_host_is_called_so() -> None:
    ended = run("http://no-such-host.invalid")
    refused(ended, "http://no-such-host.invalid/v1/models does not answer: ")
    assert "no host is called so" in ended.err or "its name cannot be looked up" in ended.err


def test_proxies_are_not_used() -> None:
    env = {"HTTPS_PROXY": "http://user:sesame@proxy:1", "https_proxy": "", "HTTP_PROXY": ""}
    ended = run("http://127.0.0.1:1", env=env)
    refused(ended, "; HTTPS_PROXY is set, but no proxy is used")
    assert "sesame" not in ended.err


def test_it_takes_too_long() -> None:
    def answer(connection: socket.socket) -> None:
        while connection.recv(1 << 16):
            continue

    with listening(answer) as port:
        ended = run(f"http://127.0.0.1:{port}", "--request-timeout", "0.2")
    refused(ended, "it takes longer than --request-timeout")


def test_tls_is_asked_of_what_speaks_none() -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    with listening(answer) as port:
        refused(run(f"https://127.0.0.1:{port}"), "it does not speak TLS; is its address http://?")


def test_http_is_asked_of_what_speaks_none() -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n")

    with listening(answer) as port:
        refused(run(f"http://127.0.0.1:{port}"), "it does not speak HTTP; is its address https://?")


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(1 << 16)
            body = b'{"data": []}'
            secure.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))

    with listening(answer) as port:
        url = f"https://127.0.0.1:{port}"
        refused(run(url), "its certificate is not trusted; vouch for it with --ca FILE")
        ended = run(url, "--ca", str(path))
    assert ended.code == 2
    assert "which model? 0 are listed: none" in ended.err


def test_a_login_page() -> None:
    with on_port(answering(PAGE)) as url:
        for words in ((), CHAT_ONLY):
            refused(run(url, *words), "answers with a web page (HTTP 200), not with an API")


def test_a_page_in_place_of_the_list_of_models_is_judged_where_the_model_is_named() -> None:
    with on_port(answering(PAGE, models_only=True)) as url:
        assert run(url, *CHAT_ONLY).code == 0
        refused(run(url), "answers with a web page")


def test_a_redirect_is_not_followed() -> None:
    headers = {"content-type": "text/plain", "location": "https://host/v1/models?key=sesame"}
    reply = Reply(308, headers, [b""])
    with on_port(answering(reply)) as url:
        ended = run(url, *CHAT_ONLY)
    refused(ended, "/v1/models leads to https://host/v1/models; ask that: none is followed")
    assert "sesame" not in ended.err


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_is_needed_or_not_accepted(status: int) -> None:
    with on_port(answering(as_json({"error": {"message": "key sesame"}}, status))) as url:
        refused(run(url), f"answers HTTP {status}: name with --api-key-env the environment")
        words = ("--api-key-env", "MY_KEY")
        ended = run(url, *words, env={"MY_KEY": "sesame"})
        refused(ended, f"answers HTTP {status}: the key in MY_KEY is not accepted")
        assert "sesame" not in ended.err
        refused(run(url, "--header", "x-key: sesame"), "sent with --header is not accepted")


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
def test_with_v1_or_without(path: str) -> None:
    with on_port(RightServer().reply) as url:
        assert run(f"{url}{path}", "--model", MODEL, "--probe", "chat.model").code == 0


def test_a_list_of_models_elsewhere() -> None:
    with on_port(answering(as_json({"detail": "Not Found"}, 404))) as url:
        ended = run(f"{url}/deep")
    assert ended.code == 3
    line = " ".join(ended.err.split())
    assert f"no list of models at {url}/deep/v1/models: HTTP 404" in line
    assert line.endswith("; is it the address of an OpenAI API?")


@pytest.mark.parametrize(
    ("names", "code"),
    [(["\\u001b[2J<script>"], 0), (["\\u001b[2J", "b"], 2), (["\\ud800"], 2)],
)
def test_names_of_models_obey_nothing(names: list[str], code: int) -> None:
    data = ", ".join(f'{{"id": "{name}"}}' for name in names)
    body = f'{{"object": "list", "data": [{data}]}}'.encode()
    reply = Reply(200, {"content-type": "application/json"}, [body])
    with on_port(answering(reply, models_only=True)) as url:
        for form in FORMATS:
            ended = run(url, "--probe", "models.answered", "--format", form)
            assert ended.code == code, ended.err
            assert "\x1b" not in ended.out + ended.err
            if form == "html":
                assert ended.out.count("<script>") == (code == 0)  # Our own.


def test_a_model_whose_name_is_no_text() -> None:
    ended = run("http://127.0.0.1:1", "--model", "\udcff")
    assert ended.code == 2
    assert "the name of the model is no Unicode" in ended.err
