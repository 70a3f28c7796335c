"""The one HTTP client: what it trusts, what it refuses, and how silence and strangers come out."""

from __future__ import annotations

import io
import warnings

import pytest

from kiosk.central.bounded import Lines
from kiosk.central.client import PlatformClient, Timeouts
from kiosk.station.errors import ConfigError
from offline_queue.api import PauseReason, Unreachable
from tests.fixtures.central import PATIENT, ManualClock, Say, answer


def test_a_request_carries_its_id_and_our_name_and_no_cookie(client, server):
    server.say("GET", "time", answer(200, {"a": 1}, **{"Set-Cookie": "track=1"}))
    client.exchange("GET", client.url("/time"))
    client.exchange("GET", client.url("/time"))
    first, second = server.asked
    assert first.headers["user-agent"] == "jinban/0.1.0"
    assert first.headers["jinban-request-id"] != second.headers["jinban-request-id"]
    assert first.headers["accept-encoding"] == "identity"
    assert "cookie" not in second.headers


def test_an_answer_comes_with_lower_case_headers_and_whole_body(client, server):
    server.say("GET", "keys", Say(418, b"abc", {"X-Odd": "1"}))
    reply = client.exchange("GET", client.url("/keys"))
    assert (reply.status, reply.body, reply.headers["x-odd"]) == (418, b"abc", "1")


def test_a_redirect_is_never_followed(client, server):
    server.say("GET", "keys", Say(302, b"", {"Location": f"{server.url}/v1/time"}))
    assert client.exchange("GET", client.url("/keys")).status == 302
    assert [asked.path for asked in server.asked] == ["/v1/keys"]


def test_a_chunked_answer_is_read_whole(client, server):
    server.say("GET", "keys", Say(200, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", {"Transfer-Encoding": "chunked"}))
    assert client.exchange("GET", client.url("/keys")).body == b"abcde"


@pytest.mark.parametrize(
    ("says", "code"),
    [
        (Say(200, b"x" * 4097), "answer_too_large"),
        (Say(200, b"x", {"X-Long": "y" * 9000}), "answer_too_large"),
        (Say(200, b"\x1f\x8b", {"Content-Encoding": "gzip"}), "encoded_answer"),
        (Say(200, b"x" * 1000, cut_after=10), "cut"),
        (Say(silent=True), "timeout"),
    ],
    ids=["body over the cap", "headers over the cap", "compressed", "cut", "silence"],
)
def test_an_answer_that_is_no_answer_is_unreachable(pki, clock, server, says, code):
    client = PlatformClient(server.url, pki.ca_path, clock, "0.1.0", Timeouts(1.0, 0.3, 1.0))
    server.say("GET", "keys", says)
    with pytest.raises(Unreachable) as caught:
        client.exchange("GET", client.url("/keys"), limit=4096)
    client.close()
    assert caught.value.code == code
    assert caught.value.pause is PauseReason.NONE


@pytest.mark.parametrize(
    ("certificate", "code", "pause"),
    [
        ("late", "certificate_time", PauseReason.CLOCK),
        ("early", "certificate_time", PauseReason.CLOCK),
        ("stranger", "certificate_issuer", PauseReason.PORTAL),
        ("wrong_host", "certificate_issuer", PauseReason.PORTAL),
    ],
)
def test_a_certificate_tells_a_wrong_clock_from_a_stranger(start_server, pki, clock, certificate, code, pause):
    server = start_server(certificate)
    client = PlatformClient(server.url, pki.ca_path, clock, "0.1.0", PATIENT)
    with pytest.raises(Unreachable) as caught:
        client.exchange("GET", client.url("/time"))
    client.close()
    assert (caught.value.code, caught.value.pause) == (code, pause)
    assert server.asked == []


def test_the_environment_replaces_neither_trust_nor_way(start_server, pki, clock, monkeypatch):
    server = start_server("stranger")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pki.folder / "stranger.pem"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    client = PlatformClient(server.url, pki.ca_path, clock, "0.1.0", PATIENT)
    with pytest.raises(Unreachable) as caught:
        client.exchange("GET", client.url("/time"))
    client.close()
    assert caught.value.code == "certificate_issuer"


def test_nobody_listening_is_unreachable(start_server, pki, clock):
    server = start_server("good")
    url = server.url
    client = PlatformClient(url, pki.ca_path, clock, "0.1.0", PATIENT)
    client.exchange("GET", client.url("/time"))
    client.close()
    server.close()
    with pytest.raises(Unreachable) as caught:
        client.exchange("GET", client.url("/time"))
    client.close()
    assert caught.value.code == "refused_connection"


@pytest.mark.parametrize("url", ["http://127.0.0.1", "https://", "https://u:p@host", "https://host?x=1", "host"])
def test_an_address_that_is_not_plain_https_is_refused(pki, clock, url):
    with pytest.raises(ConfigError, match="https://host"):
        PlatformClient(url, pki.ca_path, clock, "0.1.0")


def test_a_missing_ca_is_refused(tmp_path, clock):
    with pytest.raises(ConfigError, match="CA certificate"):
        PlatformClient("https://127.0.0.1", tmp_path / "none.pem", clock, "0.1.0")


@pytest.mark.parametrize(
    ("location", "is_ours"),
    [("/v1/uploads/7", True), ("uploads/7", True), ("https://evil.example/v1/uploads/7", False), ("//evil/x", False)],
)
def test_an_address_named_by_the_platform_stays_at_the_platform(client, location, is_ours):
    assert bool(client.own_url(location)) is is_ours
    assert client.own_url(location) in ("", f"{client.base_url}/v1/uploads/7")


class HurryingClock(ManualClock):
    """Ten seconds pass at every look."""

    def mono_s(self) -> float:
        """Return ten seconds more than last time."""
        self.mono += 10
        return self.mono


def test_a_body_that_drips_for_longer_than_its_time_is_given_up(server, pki):
    client = PlatformClient(server.url, pki.ca_path, HurryingClock(), "0.1.0", Timeouts(2.0, 2.0, 5.0))
    server.say("GET", "keys", Say(200, b"x" * 100))
    with pytest.raises(Unreachable, match="timeout"):
        client.exchange("GET", client.url("/keys"))
    client.close()


def test_an_old_protocol_is_not_spoken(pki, signer, clock):
    import socket
    import ssl
    import threading

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.load_cert_chain(pki.folder / "good.pem", pki.folder / "good.key")
    refused: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            connection.settimeout(5)
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError as fault:
                refused.append(type(fault).__name__)
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        client = PlatformClient(url, pki.ca_path, clock, "0.1.0", PATIENT)
        with pytest.raises(Unreachable) as caught:
            client.exchange("GET", client.url("/time"))
        thread.join()
    client.close()
    assert caught.value.code in ("tls", "reset")
    assert refused


def test_a_head_that_comes_a_byte_at_a_time_is_given_up_as_a_whole():
    ticks = iter(range(1000))
    with pytest.raises(TimeoutError):
        Lines(trickle(b"HTTP/1.1 200 OK\r\n"), lambda: float(next(ticks)), 10.0).readline()


@pytest.mark.parametrize(("data", "count"), [(b"HTTP/1.1 2", 0), (b"HTTP/1.1 200 OK\r\ncontent-le", 1)])
def test_a_head_that_ends_in_its_middle_is_a_cut(data, count):
    lines = Lines(trickle(data), lambda: 0.0, 10.0)
    assert [lines.readline() for _ in range(count)] == [b"HTTP/1.1 200 OK\r\n"] * count
    with pytest.raises(ConnectionResetError):
        lines.readline()


def test_a_connection_that_ends_without_a_word_is_told_apart_from_a_cut():
    assert Lines(trickle(b""), lambda: 0.0, 10.0).readline() == b""
    assert Lines(trickle(b"a" * 50 + b"\n"), lambda: 0.0, 10.0).readline(20) == b"a" * 20


class Drop(io.RawIOBase):
    """Bytes that come one by one."""

    def __init__(self, data: bytes) -> None:
        self._rest = data

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        drop, self._rest = self._rest[:1], self._rest[1:]
        buffer[: len(drop)] = drop
        return len(drop)


def trickle(data: bytes) -> io.BufferedReader:
    """Return a file that gives one byte at a time."""
    return io.BufferedReader(Drop(data), 1)
