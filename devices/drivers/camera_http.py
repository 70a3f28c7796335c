"""A network or built-in document camera: MJPEG over HTTP for the preview, one GET for the high-resolution still."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from devices.api import (
    Capabilities,
    Deadline,
    DeviceKind,
    DeviceState,
    HardwareFault,
    NotReady,
    Page,
    Preview,
    Status,
    TimedOut,
    WireFault,
)
from devices.drivers.camera_eye import (
    REACH_S,
    SILENT_S,
    SLICE_S,
    Eye,
    Looking,
    Unreached,
    own_eye,
    wait_for_hang_up,
)
from devices.wire import mjpeg

log = logging.getLogger(__name__)

DRIVER = "camera-http"
CONNECT_S = 2.0
FREEZE_S = 3.0  # a 12 fps stream that is silent for so long stands still
BACK_OFF_S = (0.1, 0.4, 0.7)  # before the stream is opened again
LOST_S = 1.3  # then the camera is gone, however long the attempts took: that is told within two seconds
CHUNK = 1 << 16


class HttpCamera:
    """A camera at `http://host:port/stream`. The connection is open only while somebody looks or takes a picture.

    Options: `eye`; `still_url` (default: /still beside the stream's address; "stream" takes the stream's next frame);
    `formats` (material code → a4, card or any); `freeze_s`.
    """

    kind = DeviceKind.CAMERA

    def __init__(
        self,
        address: str,
        *,
        eye: Eye | None = None,
        still_url: str = "",
        formats: Mapping[str, str] = MappingProxyType({}),
        freeze_s: float = FREEZE_S,
    ) -> None:
        self.address = address
        self._eye = eye or own_eye()
        self._stream = _Place(address)
        self._still = None if still_url == "stream" else _Place(still_url or address.rpartition("/")[0] + "/still")
        self._formats = formats
        self._freeze_s = freeze_s

    def open(self, deadline: Deadline) -> None:
        """Make sure a stream of pictures answers; it is closed again at once. Raises: NotReady, WireFault, TimedOut."""
        with _Stream(self._stream, self._freeze_s, deadline):
            pass

    def close(self) -> None:
        """Forget what was seen."""
        self._eye.forget()

    def status(self, deadline: Deadline) -> Status:
        """Return online where the camera takes a connection and keeps it; no picture is asked for."""
        try:
            with contextlib.closing(self._stream.connect(deadline, REACH_S)) as line:
                wait_for_hang_up(line)
        except NotReady as fault:
            return Status(self.kind, DRIVER, device=DeviceState.NO_DEVICE, code=fault.code)
        except TimedOut as fault:
            return Status(self.kind, DRIVER, device=DeviceState.OFFLINE, code=fault.code)
        return Status(self.kind, DRIVER, device=DeviceState.ONLINE)

    def capabilities(self) -> Capabilities:
        """Return what this kind of camera can do; sizes are known only from its pictures."""
        features = ("preview", "still") if self._still is not None else ("preview",)
        return Capabilities(self.kind, DRIVER, features=features, provisional=("exposure", "focus"))

    def watch(self, on_preview: Callable[[Preview], None], deadline: Deadline) -> None:
        """Call `on_preview` for each frame until called off; of frames that pile up only the newest is looked at.

        Raises: Cancelled, TimedOut (also when the stream stands still), NotReady where it is gone and does not come
        back, WireFault after ten bad pictures in a row, HardwareFault where the eye died twice running.
        """
        failures, lost_at = 0, 0.0
        while True:
            deadline.check("watch")
            began = time.monotonic()
            try:
                with _Stream(self._stream, self._freeze_s, deadline) as stream:
                    self._look_on(stream, on_preview, deadline)
            except _Seen:
                failures = 0  # it had worked: the next loss begins a new row
            except Unreached:
                raise
            except NotReady:
                now = time.monotonic()
                if failures == 0:
                    lost_at = began
                    log.info("camera lost, connecting again")
                if failures >= len(BACK_OFF_S) or now + BACK_OFF_S[failures] > lost_at + LOST_S:
                    raise
                deadline.wait(BACK_OFF_S[failures])
                failures += 1

    def capture(self, material: str, index: int, deadline: Deadline, keep: bool = False) -> Page:
        """Return the page on the high-resolution still. Raises: as the contract says."""
        accepts = self._formats.get(material, "any")
        for is_last in (False, True):
            try:
                return self._eye.take(self._take_still(deadline), material, index, deadline, keep, accepts)
            except WireFault:
                if is_last:
                    raise
        raise HardwareFault("camera_still")

    def _look_on(self, stream: _Stream, on_preview: Callable[[Preview], None], deadline: Deadline) -> None:
        """Look at frames until the stream ends. Raises: _Seen where it ended after good frames, DeviceError."""
        looking, seen = Looking(self._eye), 0
        while True:
            try:
                frame = stream.newest(deadline)
            except Unreached:
                raise
            except NotReady as fault:
                if seen:
                    raise _Seen from fault
                raise
            if (preview := looking.look(frame, deadline)) is not None:
                seen += 1
                on_preview(preview)

    def _take_still(self, deadline: Deadline) -> bytes:
        if self._still is None:
            with _Stream(self._stream, self._freeze_s, deadline) as stream:
                return stream.newest(deadline)
        with _Answer(self._still, self._freeze_s + CONNECT_S, deadline) as answer:
            length = answer.head.length
            if length > mjpeg.MAX_PART:
                raise WireFault("picture_too_large", f"{length} bytes")
            return answer.read_body(length, deadline)


class _Seen(Exception):  # not an error: the stream ended after it had worked
    pass


class _Place:
    """Host, port and path of an http:// address."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme != "http" or not parts.hostname or parts.username or "\r" in address or "\n" in address:
            raise ValueError(f"camera {address!r}: allowed is http://host:port/path")
        self.host, self.port = parts.hostname, parts.port or 80
        self.path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def connect(self, deadline: Deadline, most_s: float = CONNECT_S) -> socket.socket:
        """Return a connected socket. Raises: NotReady, TimedOut, Cancelled."""
        deadline.check("camera")
        try:
            return socket.create_connection((self.host, self.port), min(most_s, deadline.left_s()))
        except TimeoutError as error:
            raise TimedOut("camera_connect") from error
        except OSError as error:
            raise NotReady("noDevice") from error


class _Answer:
    """One HTTP answer being read; closed with its `with` block."""

    def __init__(self, place: _Place, freeze_s: float, deadline: Deadline) -> None:
        self._place = place
        self._freeze_s = freeze_s
        self._chunks: mjpeg.ChunkDecoder | None = None
        self._socket = place.connect(deadline)
        try:
            self._socket.sendall(mjpeg.encode_request(f"{place.host}:{place.port}", place.path))
            self.head, self._rest = self._read_head(deadline)
        except OSError as error:
            self.close()
            raise NotReady("noDevice") from error
        except BaseException:
            self.close()
            raise
        if self.head.status != 200:
            self.close()
            raise NotReady("camera_status", str(self.head.status))
        if self.head.is_chunked:
            self._chunks = mjpeg.ChunkDecoder()
            self._rest = self._chunks.feed(self._rest)

    def __enter__(self) -> _Answer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):
            self._socket.close()

    def receive(self, deadline: Deadline) -> bytes:
        """Return 1… bytes, or b"" where the camera hung up. Raises: TimedOut, Cancelled, NotReady."""
        still = Deadline(min(self._freeze_s, max(0.001, deadline.left_s())), deadline.cancelled)
        ask_at = time.monotonic() + SILENT_S
        while True:
            deadline.check("camera")
            if still.left_s() <= 0:
                raise TimedOut("camera_frozen")
            if time.monotonic() >= ask_at:
                self._reach(deadline)
                ask_at = still.at
            self._socket.settimeout(max(0.001, min(SLICE_S, still.left_s())))
            try:
                data = self._socket.recv(CHUNK)
            except TimeoutError:
                continue
            except OSError as error:
                raise NotReady("noDevice") from error
            if self._chunks is None or not data:
                return data
            if (body := self._chunks.feed(data)) or self._chunks.is_over:
                return body

    def _reach(self, deadline: Deadline) -> None:
        """Return where the camera still takes a connection, though it says nothing. Raises: Unreached, Cancelled."""
        try:
            self._place.connect(deadline, REACH_S).close()
        except (NotReady, TimedOut) as fault:
            deadline.check("camera")
            raise Unreached("noDevice", "silent, and not reached") from fault

    def read_body(self, length: int, deadline: Deadline) -> bytes:
        """Return `length` bytes, all there are where it is −1. Raises: WireFault where they end early, DeviceError."""
        body = bytearray(self._rest)
        while length < 0 or len(body) < length:
            data = self.receive(deadline)
            if not data:
                break
            body += data
            if len(body) > mjpeg.MAX_PART:
                raise WireFault("picture_too_large", "more than 20 MB")
        if length >= 0 and len(body) < length:
            raise WireFault("picture_truncated", f"{len(body)} of {length} bytes")
        return bytes(body[:length] if length >= 0 else body)

    def _read_head(self, deadline: Deadline) -> tuple[mjpeg.Head, bytes]:
        data = b""
        while (found := mjpeg.decode_head(data)) is None:
            more = self.receive(deadline)
            if not more:
                raise NotReady("noDevice", "closed before its answer")
            data += more
        return found


class _Stream(_Answer):
    """A stream of pictures."""

    def __init__(self, place: _Place, freeze_s: float, deadline: Deadline) -> None:
        super().__init__(place, freeze_s, deadline)
        try:
            self._parts = mjpeg.PartDecoder(self.head.boundary())
        except WireFault:
            self.close()
            raise
        self._waiting = self._parts.feed(self._rest)

    def __enter__(self) -> _Stream:
        return self

    def newest(self, deadline: Deadline) -> bytes:
        """Return the newest complete picture; older ones are dropped. Raises: NotReady, TimedOut, WireFault."""
        frames = self._waiting
        self._waiting = ()
        while True:
            if frames:
                self._socket.settimeout(0)
                try:
                    data = self._socket.recv(CHUNK)
                except (BlockingIOError, ConnectionError):
                    return frames[-1]
                if not data:
                    return frames[-1]
                if self._chunks is not None:
                    data = self._chunks.feed(data)
            else:
                data = self.receive(deadline)
                if not data:
                    raise NotReady("noDevice", "the stream ended")
            frames = self._parts.feed(data) or frames
