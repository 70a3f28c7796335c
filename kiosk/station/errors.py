"""The errors of what the terminal means. Whose move each is: kiosk/station/failures.py."""

from __future__ import annotations


class KioskError(Exception):
    """Root of the terminal's own errors. `code` is a closed word, safe for logs."""

    def __init__(self, code: str = "", detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class CatalogueError(KioskError):
    """A catalogue that cannot be used; `mistakes` names each with file and line."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("catalogue_invalid", "; ".join(mistakes[:3]))
        self.mistakes = mistakes


class IdentityError(KioskError):
    """An identity that does not hold: check digit, expiry, another person's card."""


class FormError(KioskError):
    """An answer that the form refuses; the field and the reason, never the value."""


class ConfigError(KioskError):
    """A configuration that cannot be used; `mistakes` names each with key, value and what is allowed."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("config_invalid", "; ".join(mistakes[:3]))
        self.mistakes = mistakes
