"""The fault ruler of a test slip: where a dot of the print head is dead, and where the head burns too faintly.

Three fields, each as wide as the paper: a black bar, in which a dead dot is a white line down; stairs of lines one dot
high, in which every dot burns alone in its own step; and five greys, which are even where the head is clean. The row
of numbers above names the dot under its first figure.
"""

from __future__ import annotations

from collections.abc import Callable

from devices.api import Strip, StripGap, StripLine, StripPicture

STEPS = 16  # neighbours are apart far enough to be told one by one
STEP_DOTS = 4
BAR_DOTS = 24
GREYS = (1, 2, 3, 4, 8)  # eighths of the dots that burn
GREY_DOTS = 16
COLUMN_DOTS = 12  # a half-width character of font A
TEXT_EVERY = 8  # columns between two numbers


def build_ruler(width_px: int) -> StripPicture:
    """Return bar, stairs and greys, `width_px` dots wide."""
    rows = [*_bar(width_px), *_stairs(width_px), *_greys(width_px)]
    return StripPicture(width_px, len(rows), b"".join(rows))


def numbers(columns: int) -> str:
    """Return the row that names dots: each figure group begins above the dot it names."""
    marks = (str(at * COLUMN_DOTS) for at in range(0, columns, TEXT_EVERY))
    return "".join(f"{mark:<{TEXT_EVERY}}" for mark in marks)[:columns]


def build_test_strip(lines: tuple[str, ...], width_px: int = 576) -> Strip:
    """Return the test slip: the words, then numbers and ruler."""
    columns = width_px // COLUMN_DOTS
    return Strip(
        (
            *(StripLine(line, align="center", is_bold=at == 0) for at, line in enumerate(lines)),
            StripLine(numbers(columns)),
            build_ruler(width_px),
            StripGap(1),
        ),
        width_columns=columns,
    )


def _bar(width: int) -> list[bytes]:
    return [_row(width, lambda x: True)] * BAR_DOTS


def _stairs(width: int) -> list[bytes]:
    def burning(step: int) -> bytes:
        return _row(width, lambda x: x % STEPS == step)

    mark = _row(width, lambda x: x % (TEXT_EVERY * COLUMN_DOTS) == 0)
    return [row for step in range(STEPS) for row in (*[burning(step)] * STEP_DOTS, mark)]


def _greys(width: int) -> list[bytes]:
    field = -(-width // len(GREYS))

    def line(y: int) -> bytes:
        return _row(width, lambda x: (3 * x + 5 * y) % 8 < GREYS[min(x // field, len(GREYS) - 1)])

    return [line(y) for y in range(GREY_DOTS)]


def _row(width: int, burns: Callable[[int], bool]) -> bytes:
    """Return one row of dots; `burns(x)` says which are black."""
    stride = (width + 7) // 8
    dots = 0
    for x in range(width):
        if burns(x):
            dots |= 1 << (8 * stride - 1 - x)
    return dots.to_bytes(stride, "big")
