"""MJPEG over HTTP as cameras send it: a response head, then parts of a multipart/x-mixed-replace body. Pure bytes."""

from __future__ import annotations

import msgspec

from devices.api import WireFault

MAX_HEAD = 16_384  # a camera's headers are a few hundred bytes
MAX_PART = 20_000_000  # one picture; reference/security.md §8
MAX_CHUNK_LINE = 300  # a length of eight digits and an extension nobody uses
JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"


class Head(msgspec.Struct, frozen=True):
    """The start of an HTTP response; header names in lower case."""

    status: int
    headers: dict[str, str]

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return self.headers.get("transfer-encoding", "").strip().lower() == "chunked"

    @property
    def length(self) -> int:
        """Content-Length, -1 where it is missing or no number."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else -1

    def boundary(self) -> bytes:
        """Return the line that separates parts, `--boundary`. Raises: WireFault where the body has no parts."""
        kind, _, rest = self.headers.get("content-type", "").partition(";")
        name = next((p.split("=", 1)[1] for p in rest.split(";") if p.strip().lower().startswith("boundary=")), "")
        name = name.strip().strip('"')
        if kind.strip().lower() != "multipart/x-mixed-replace" or not 0 < len(name) <= 70:
            raise WireFault("camera_format", "multipart/x-mixed-replace with a boundary is expected")
        return name.encode("latin-1") if name.startswith("--") else b"--" + name.encode("latin-1")


def encode_request(host: str, path: str) -> bytes:
    """Return a GET of HTTP/1.0: no chunked bodies, the connection ends with the answer."""
    return f"GET {path} HTTP/1.0\r\nHost: {host}\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode("ascii")


def decode_head(data: bytes) -> tuple[Head, bytes] | None:
    """Return the response head and the bytes after it, None while it is incomplete. Raises: WireFault."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        if len(data) > MAX_HEAD or (len(data) >= 5 and not data.startswith(b"HTTP/")):
            raise WireFault("camera_head", "no HTTP response")
        return None
    first, *lines = data[:end].decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or not (words[1].isascii() and words[1].isdigit()):
        raise WireFault("camera_head", "no HTTP response")
    return Head(int(words[1][:3]), _headers(lines)), data[end + 4 :]


class ChunkDecoder:
    """Takes the framing of a chunked body away; some cameras chunk even an answer to HTTP/1.0."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._left = 0  # bytes of the running chunk that are still to come
        self.is_over = False

    def feed(self, data: bytes) -> bytes:
        """Return the body's bytes in what arrived; what follows the last chunk is dropped. Raises: WireFault."""
        self._data += data
        body = bytearray()
        while not self.is_over:
            if self._left > 0:
                piece = self._data[: self._left]
                del self._data[: len(piece)]
                body += piece
                self._left -= len(piece)
                if self._left > 0:
                    break
            start = 2 if self._data.startswith(b"\r\n") else 0  # the end of the former chunk
            end = self._data.find(b"\r\n", start)
            if end < 0:
                if len(self._data) > MAX_CHUNK_LINE:
                    raise WireFault("camera_chunk", "a chunk without its length")
                break
            text = bytes(self._data[start:end]).partition(b";")[0].strip()
            if not text or len(text) > 8 or text.strip(b"0123456789abcdefABCDEF"):
                raise WireFault("camera_chunk", "a chunk without its length")
            del self._data[: end + 2]
            self._left = int(text, 16)
            self.is_over = self._left == 0
        return bytes(body)


class PartDecoder:
    """Cuts a multipart body into pictures. Feed it what arrives; take what is complete."""

    def __init__(self, boundary: bytes) -> None:
        self._boundary = boundary
        self._data = bytearray()

    def feed(self, data: bytes) -> tuple[bytes, ...]:
        """Return the bodies of the parts that are complete now, oldest first. Raises: WireFault beyond MAX_PART."""
        self._data += data
        parts: list[bytes] = []
        while (part := self._next()) is not None:
            parts.append(part)
        if len(self._data) > MAX_PART + MAX_HEAD:
            raise WireFault("camera_part", "a part that does not end")
        return tuple(parts)

    def _next(self) -> bytes | None:
        start = self._data.find(self._boundary)
        if start < 0:
            return None
        head_end = self._data.find(b"\r\n\r\n", start)
        if head_end < 0:
            if len(self._data) - start > MAX_HEAD:
                raise WireFault("camera_part", "a part without a head's end")
            return None
        lines = bytes(self._data[start + len(self._boundary) : head_end]).decode("latin-1").split("\r\n")
        length = Head(200, _headers(lines)).length
        body = head_end + 4
        if length > MAX_PART:
            raise WireFault("camera_part", f"{length} bytes")
        if length >= 0:
            if len(self._data) < body + length:
                return None
            end = body + length
        else:  # no length: the part ends where the next boundary begins
            found = self._data.find(b"\r\n" + self._boundary, body)
            if found < 0:
                return None
            end = found
        part = bytes(self._data[body:end])
        del self._data[:end]
        return part


def _headers(lines: list[str]) -> dict[str, str]:
    """Return headers by lower-case name; the first of equal names counts, a line without a colon counts for nothing."""
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            found.setdefault(name.strip().lower(), value.strip())
    return found
