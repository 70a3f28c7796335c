"""What crosses the eye's process border: outlines, requests, answers. Plain data."""

from __future__ import annotations

from typing import Literal

import msgspec

from devices.api import Corners, Symbology, Verdict

GATES = (
    "page",
    "whole",
    "hands",
    "still",
    "format",
    "flat",
    "dark",
    "bright",
    "sharp",
    "glare",
    "blank",
)  # reference/imaging.md §5, in the order in which they speak


FAR = "far"  # speaks instead of `sharp` where the page has too few pixels


class Limits(msgspec.Struct, frozen=True):
    """What the gates compare with: as built, replaced by a calibration of this camera, replaced by configuration."""

    edge_share: float = 0.01  # `whole`: corner nearer to the frame's edge than this share of its side
    stable_frames: int = 8
    motion_percent: float = 0.4  # of the diagonal, largest corner motion over `stable_frames`
    hand_percent: float = 0.5  # of the frame changed outside the page
    format_percent: float = 6.0
    flat_percent: float = 6.0
    dark_v: float = 90.0
    bright_v: float = 235.0
    reblur: float = 0.345  # blurred by 1.45 px
    least_dpi: float = 72.0  # of a still: a sign of 10.5 points is 10 px high
    glare_percent: float = 0.1
    ink_percent: float = 0.1
    camera_reblur: float = 0.0  # instead of `reblur`, in stills of `camera_px`; 0 = never calibrated
    warned: tuple[str, ...] = ()  # gates whose word is shown and recorded, and refuses nothing
    px_per_mm: float = 0.0  # of the desk in a still of `camera_px`; 0 = never calibrated
    camera_px: tuple[int, int] = (0, 0)  # width and height of the calibrated stills

    def reblur_at(self, width_px: int, height_px: int) -> float:
        """Return the least score of a sharp page in a still of that size."""
        return self.camera_reblur if self.camera_reblur and self.camera_px == (width_px, height_px) else self.reblur


Stage = Literal["empty", "unclear", "moving", "judged", "ready", "taken", "again"]
"""Where a preview stands: nothing lies there · something without edges · not still · still, and a gate speaks ·
good · its picture was taken · it looks like the one taken last, but was moved or turned over: the person is asked."""


class Outline(msgspec.Struct, frozen=True):
    """A paper found: corners in px, clockwise on screen from the top left; score 0–1; how many more lie beside it; the
    sides that are curves, 0 from the first corner to the second.
    """

    corners: Corners
    score: float
    others: int = 0
    curved: tuple[int, ...] = ()


class Looked(msgspec.Struct, frozen=True):
    """The frame that was searched last, and what was found: equal frames need not be searched (unchanged.py)."""

    blocks: bytes  # the frame in blocks, BGR, about 120 across: no character can be read
    accepts: str
    outline: Outline | None
    gate: str
    fingerprint: bytes
    empty_looks: int = 0  # in a row before it that found nothing in the same picture
    reused_frames: int = 0  # since then that were not searched


class Track(msgspec.Struct, frozen=True):
    """What one preview frame leaves for the next. Starts empty; nothing in it can be read as a text."""

    corners: Corners | None = None  # exponential mean, px of the preview
    past: tuple[Corners, ...] = ()  # outlines of the last stable_frames frames
    stable_frames: int = 0
    missed_frames: int = 0
    small: bytes = b""  # the former frame, 120×68 grey
    taken: bytes = b""  # the fingerprint of the page taken last; empty when armed
    taken_at: Corners | None = None  # where that page lay when it was first seen still after its picture
    is_handled: bool = False  # since then it was moved, hidden or turned over
    hidden_frames: int = 0  # in a row, that something else was seen in its place
    bare: bytes = b""  # the desk with nothing on it, 120×68 grey; empty when it was never seen
    stage: Stage = "empty"
    shown: str = "page"  # the gate that speaks
    shown_frames: int = 8  # since when, in frames: no sentence flickers
    looked: Looked | None = None


def remember(track: Track, fingerprint: bytes) -> Track:
    """Return the state after a picture was taken of the page with that fingerprint (empty: it was refused)."""
    if not fingerprint:
        return msgspec.structs.replace(track, stable_frames=0, past=())
    return msgspec.structs.replace(
        track, stable_frames=0, past=(), taken=fingerprint, taken_at=None, is_handled=False, hidden_frames=0
    )


class LookRequest(msgspec.Struct, frozen=True, tag="look"):
    """Judge one preview frame (JPEG follows the request) and draw it into shared memory slot `slot`."""

    number: int
    slot: int
    track: Track
    limits: Limits
    accepts: str = "any"
    still_px: int = 0  # width of this camera's stills, 0 before the first: only then `far` is told in a preview


class LookAnswer(msgspec.Struct, frozen=True, tag="looked"):
    """A frame judged; its RGB888 picture (width×height×3 bytes) lies in the slot asked for."""

    width_px: int
    height_px: int
    gate: str
    corners: Corners | None
    score: float
    stable_frames: int
    is_ready: bool
    track: Track


class TakeRequest(msgspec.Struct, frozen=True, tag="take"):
    """Make a page of a still (JPEG or PNG follows). `accepts`: any, a4 or card."""

    limits: Limits
    accepts: str = "any"
    keep: bool = False
    quality: int = 80
    as_pdf: bool = False
    seen: tuple[bytes, ...] = ()  # fingerprints of the visit's other pages
    reads_codes: bool = False
    thumbnail_px: int = 0  # long side of the small picture that is wanted beside the page, 0 for none


class SheetRequest(msgspec.Struct, frozen=True, tag="sheet"):
    """Encode one page of a document scanner (binary PNM follows): it is straight and whole, only `blank` is judged."""

    limits: Limits
    dpi: int
    quality: int = 80
    as_pdf: bool = False


class CodesRequest(msgspec.Struct, frozen=True, tag="codes"):
    """Read the codes on a picture (JPEG or PNG follows)."""


class FoundCode(msgspec.Struct, frozen=True):
    """One code on a picture: corners in px of the picture as decoded, clockwise from the code's own top left."""

    text: str
    symbology: Symbology
    corners: Corners

    def __repr__(self) -> str:
        return f"FoundCode({self.symbology})"


class CodesAnswer(msgspec.Struct, frozen=True, tag="codes_read"):
    """The codes read, those nearest to the middle first. `passed_over` counts what was too long or one too many."""

    codes: tuple[FoundCode, ...]
    passed_over: int = 0


class TakeAnswer(msgspec.Struct, frozen=True, tag="taken"):
    """A still judged. The encoded page follows, empty when `refused` names the gate that speaks.

    Where `picture_bytes` is not 0, so many bytes of what follows are a JPEG for the screen, the rest is a PDF.
    """

    width_px: int  # of the picture as stored, its EXIF turn undone
    height_px: int
    outline: Outline | None
    turn_deg: int
    verdicts: tuple[Verdict, ...]
    refused: str
    is_kept_despite: bool
    page_width_px: int
    page_height_px: int
    dpi: int
    format: str
    fingerprint: bytes
    ms: dict[str, float]
    alike: int = -1  # which of `seen` this page is once more, -1 for none
    codes: tuple[FoundCode, ...] = ()  # corners in px of the page
    picture_bytes: int = 0
    side: str = ""  # front or back of a resident ID card, "" for any other paper
    thumbnail_bytes: int = 0  # so many bytes at the end of what follows are a small JPEG of the page
    is_turn_known: bool = False  # its writing, or its side of an ID card, says which way is up; a guess does not
    is_scale_known: bool = False  # a calibrated desk, a card's shape or a scanner says the size; an A4's shape does not


class Refusal(msgspec.Struct, frozen=True, tag="refused"):
    """A picture the worker will not open. `code` is a closed word, `detail` says what is allowed."""

    code: str
    detail: str


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The worker is up: its version of cv2 and the limits that hold."""

    cv2: str
    limits: dict[str, int]
    has_network: bool


Answer = LookAnswer | TakeAnswer | CodesAnswer | Refusal | Hello
Request = LookRequest | TakeRequest | SheetRequest | CodesRequest
