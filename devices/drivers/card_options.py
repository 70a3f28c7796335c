"""What configuration says of the cards a station reads."""

from __future__ import annotations

import msgspec

from devices.wire.social import Region


class CardOptions(msgspec.Struct, frozen=True):
    """Handed to whatever reads an application."""

    regions: tuple[Region, ...] = ()  # how social security cards are read, by region
    is_holder_read: bool = True
    csca: tuple[bytes, ...] = ()  # certificates that vouch for travel documents, DER
