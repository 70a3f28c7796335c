"""A line of a given speed with cuts: a TCP relay in a process of its own, for the sync benchmark.

`python -m benchmarks.line_proxy TARGET_PORT BYTES_PER_S CUT_EVERY_S` prints its port and ends with its standard input.
Upwards a token bucket lets bytes through; downwards everything passes. Every CUT_EVERY_S all connections are reset and
what was in the relay is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import sys
import time

SLICE_S = 0.01  # what the bucket holds: a modem's queue, not a lake
CHUNK = 4096
BUFFER = 16 * 1024  # of the kernel on the way up; more would hide the line's speed from the sender


class Bucket:
    """Tokens for bytes, shared by all connections."""

    def __init__(self, bytes_per_s: float) -> None:
        self._rate = bytes_per_s
        self._free_at = time.monotonic()

    async def take(self, count: int) -> None:
        """Wait until `count` bytes may pass."""
        now = time.monotonic()
        self._free_at = max(self._free_at, now - SLICE_S) + count / self._rate
        if self._free_at > now:
            await asyncio.sleep(self._free_at - now)


class Relay:
    """The line."""

    def __init__(self, target: int, bytes_per_s: float) -> None:
        self._target = target
        self._bucket = Bucket(bytes_per_s)
        self._open: set[asyncio.StreamWriter] = set()
        self.carried = 0

    async def welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        both = {writer, far_writer}
        self._open |= both
        try:
            tasks = {asyncio.create_task(self._up(reader, far_writer)), asyncio.create_task(_down(far_reader, writer))}
            _, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in left:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            self._open -= both
            for one in both:
                one.transport.abort()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self._bucket.take(len(data))
            writer.write(data)
            await writer.drain()
            self.carried += len(data)

    def cut(self) -> None:
        """Reset everything."""
        for writer in tuple(self._open):
            sock = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


async def _down(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def carry(target: int, bytes_per_s: float, cut_every_s: float) -> None:
    """Relay until standard input ends."""
    relay = Relay(target, bytes_per_s)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    server = await asyncio.start_server(relay.welcome, sock=listening, limit=BUFFER)
    sys.stdout.write(json.dumps({"port": listening.getsockname()[1]}) + "\n")
    sys.stdout.flush()
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    while cut_every_s:
        done, _ = await asyncio.wait({ended}, timeout=cut_every_s)
        if done:
            break
        relay.cut()
    await ended
    server.close()
    relay.cut()


if __name__ == "__main__":
    asyncio.run(carry(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))
