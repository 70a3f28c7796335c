"""`Private[T]`: a personal value whose repr is `•••`. Declared in devices.api, used everywhere."""

from devices.api import MASK, Private

__all__ = ["MASK", "Private"]
