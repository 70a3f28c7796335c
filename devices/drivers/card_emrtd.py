"""Travel documents with an eMRTD chip: passports, and permits made like them.

PACE where the chip offers it, else BAC; then EF.COM, DG1, DG2 and EF.SOD, and what the signature is worth. The key is
what stands printed on the document: its zone, or the card access number. It is used for one read and kept nowhere.
Source: ICAO Doc 9303-10 and -11; reference/devices.md §8. No physical document has been met.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from devices.api import (
    CardChannel,
    CardKeys,
    ChipAccess,
    Deadline,
    Private,
    TravelDocument,
    Unsupported,
    UserFault,
    WireFault,
)
from devices.drivers.card_emrtd_session import ChipSession
from devices.drivers.card_emrtd_trust import judge
from devices.drivers.card_options import CardOptions
from devices.wire import emrtd
from devices.wire.emrtd import File
from devices.wire.mrz import decode_mrz, derive_key_text, resolve_birth, resolve_expiry
from devices.wire.pace import Password

CAN_DIGITS = 6


def read_travel(
    channel: CardChannel, _answer: bytes, deadline: Deadline, keys: CardKeys, options: CardOptions
) -> TravelDocument:
    """Return the document whose application or EF.CardAccess was just found; see read_travel_document."""
    return read_travel_document(channel, deadline, keys, options.csca)


def read_travel_document(
    channel: CardChannel, deadline: Deadline, keys: CardKeys, csca: tuple[bytes, ...] = ()
) -> TravelDocument:
    """Return what the chip tells. `keys.mrz` is the zone or its key text, `keys.can` the card access number.

    Raises: UserFault("wrong_mrz" | "wrong_can" | "card_removed"), Unsupported("key_needed" | "mrz_needed" |
    "no_application" | "no_access" | "access_denied"), TimedOut, Cancelled, NotReady, WireFault.
    """
    key_text, can = _check_keys(keys)
    session = ChipSession(channel, deadline)
    access = _open(session, key_text, can)
    common = session.read_file(File.COM)
    if common and not {1, 2} <= set(emrtd.decode_common(common).groups):
        raise WireFault("com_groups")
    groups = {1: _need(session, File.DG1), 2: _need(session, File.DG2)}
    finding = judge(session.read_file(File.SOD), groups, csca)
    text, face = emrtd.decode_zone_text(groups[1]), emrtd.decode_dg2(groups[2])
    mrz, today = decode_mrz(text), date.today()
    return TravelDocument(
        code=mrz.code,
        issuer=mrz.issuer,
        number=mrz.number,
        surname=mrz.surname,
        given_names=mrz.given_names,
        nationality=mrz.nationality,
        birth_date=Private(_known(resolve_birth, mrz.birth.reveal(), today)),
        sex=mrz.sex,
        expiry_date=_known(resolve_expiry, mrz.expiry, today),
        mrz=Private(text),
        portrait=face.picture,
        portrait_kind=face.kind,
        access=access,
        authenticity=finding.authenticity,
        signer=finding.signer,
    )


def _check_keys(keys: CardKeys) -> tuple[str, str]:
    """Return key text and CAN, "" for one not given. Raises: UserFault, Unsupported("key_needed")."""
    zone, can = keys.mrz.reveal(), keys.can.reveal().strip()
    if not zone.strip() and not can:
        raise Unsupported("key_needed")
    if can and not (can.isascii() and can.isdecimal() and len(can) == CAN_DIGITS):
        raise UserFault("wrong_can")
    try:
        return (derive_key_text(zone) if zone.strip() else ""), can
    except WireFault as error:
        raise UserFault("wrong_mrz", error.detail) from error


def _open(session: ChipSession, key_text: str, can: str) -> ChipAccess:
    """Open the chip and select its application. Raises: UserFault, Unsupported, WireFault."""
    password, text = (Password.CAN, can) if can else (Password.MRZ, key_text)
    # the strongest cipher first: the last byte of the protocol counts up with it
    for way in sorted(session.read_ways(), key=lambda one: one.protocol, reverse=True):
        if session.open_pace(way, password, text):
            session.select_application()
            return ChipAccess.PACE
    session.select_application()
    if not key_text:
        raise Unsupported("mrz_needed")
    session.open_bac(key_text)
    return ChipAccess.BAC


def _need(session: ChipSession, file: File) -> bytes:
    """Return a file that every document has. Raises: WireFault("file_missing")."""
    data = session.read_file(file)
    if not data:
        raise WireFault("file_missing", file.name)
    return data


def _known(resolve: Callable[[str, date], date | None], text: str, today: date) -> date | None:
    """Return a date, None where it is none: some issuers write 00 for a day they do not know."""
    try:
        return resolve(text, today)
    except WireFault:
        return None
