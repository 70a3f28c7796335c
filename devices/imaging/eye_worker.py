"""The eye's own process: limits first, then cv2, then one picture a request until the product closes the socket."""

from __future__ import annotations

import ctypes
import mmap
import resource
import socket
import sys

CPU_S = 20  # for one picture, renewed with each
ADDRESS_SPACE = 1_200_000_000  # reference/imaging.md §12: under 400 MB a good picture ends in a signal
CLONE_NEWNET = 0x40000000
CLONE_NEWUSER = 0x10000000
SLOTS = 3


def main(arguments: list[str]) -> int:
    """Serve requests on the socket and memory file descriptors given as two numbers. Returns the exit code."""
    link = socket.socket(fileno=int(arguments[0]))
    memory = mmap.mmap(int(arguments[1]), 0)
    limit_process()
    has_network = not leave_network()
    serve(link, memory, has_network)
    return 0


def limit_process() -> None:
    """Take from this process what no picture needs: memory beyond 1.2 GB, core files, ever more CPU time."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    renew_cpu()


def renew_cpu() -> None:
    """Allow CPU_S more seconds of processor time from now on; beyond it the kernel ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + CPU_S, hard))


def leave_network() -> bool:
    """Move into an empty network namespace and return whether the kernel allowed it."""
    libc = ctypes.CDLL(None, use_errno=True)
    return any(libc.unshare(flags) == 0 for flags in (CLONE_NEWNET, CLONE_NEWUSER | CLONE_NEWNET))


def serve(link: socket.socket, memory: mmap.mmap, has_network: bool) -> None:
    """Answer requests until the other end closes; a picture that cannot be opened is answered, not raised."""
    import cv2  # after the limits: OPENCV_IO_MAX_IMAGE_PIXELS and the address space are read when it loads

    from devices.api import WireFault
    from devices.imaging import pipeline, wire
    from devices.imaging.values import Answer, CodesRequest, Hello, LookRequest, Refusal, Request, SheetRequest

    cv2.setNumThreads(1)

    def answer_to(request: Request, payload: bytes) -> tuple[Answer, bytes]:
        if isinstance(request, LookRequest):
            look, pixels = pipeline.look(payload, request)
            start = request.slot * pipeline.PREVIEW_BYTES
            memory[start : start + len(pixels)] = pixels
            return look, b""
        if isinstance(request, SheetRequest):
            from devices.imaging import sheet

            return sheet.encode_sheet(payload, request)
        if isinstance(request, CodesRequest):
            from devices.imaging import codes  # zxing-cpp: only where codes are read

            return codes.read_codes(payload), b""
        return pipeline.take(payload, request)

    limits = {"as": ADDRESS_SPACE, "cpu_s": CPU_S, "core": 0}
    wire.send(link.sendall, 0, Hello(cv2.__version__, limits, has_network))
    while True:
        try:
            number, request, payload = wire.receive_request(lambda count: wire.read_exactly(link, count))
        except (EOFError, ConnectionError):
            return
        renew_cpu()
        answer: Answer
        try:
            answer, body = answer_to(request, payload)
        except WireFault as fault:
            answer, body = Refusal(fault.code, fault.detail), b""
        except (cv2.error, MemoryError):
            answer, body = Refusal("not_a_picture", "more than the eye can hold"), b""
        wire.send(link.sendall, number, answer, body)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
