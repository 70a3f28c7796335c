"""The one table from what went wrong to what people see: whose move it is, the sentence, a way on.

Codes F01… are those of reference/product.md §5. Texts: assets/texts/failures.yaml.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Move(StrEnum):
    """Whose move it is."""

    CITIZEN = "citizen"
    ATTENDANT = "attendant"
    TECHNICIAN = "technician"
    NOBODY = "nobody"  # the machine goes on by itself


class Failure(msgspec.Struct, frozen=True):
    """One row: `kind` is an error type's name, `codes` its closed codes (empty = any other)."""

    code: str
    kinds: tuple[str, ...]
    codes: tuple[str, ...]
    move: Move
    text: str  # key in the texts
    can_retry: bool
    remedy: str = ""  # key of the technician's remedy; "" = none needed
    device: str = ""  # holds for trouble of this device alone; "" = of any


DISK_CODES = ("database_full", "free_floor", "DiskFull")
"""What the store says when there is no room: offline_queue.api.DiskFull."""

SLIPS = "Printer"  # what paper means there it does not mean for a scanner's feeder or an A4 tray
LEFT = {"part": "SlipHalf", "unknown": "SlipUnsure"}
"""What a slip's error has left on the paper → kind word, where that is more than nothing."""

CHIP_CLOSED = ("no_access", "access_denied", "no_application")
"""What the chip of a travel document says that opens to nothing we know."""

CLOSED = ("psam_needed", "backoffice_needed", "holder_locked")
"""What a social security card says whose holder's file nobody here can open."""
CARD_FAULTS = (  # the reader's words for what is the card's: devices/drivers/samv_faults.py
    (("card_unreadable", "select_failed", "read_failed"), "remedies.card_unread"),
    (("card_pulled",), "remedies.card_pulled"),
    (("card_refused_sam", "sam_refused_card", "not_verified"), "remedies.card_refused"),
    (("card_type",), "remedies.card_type"),
)
READER_FAULTS = (  # and for what is its own; a result nobody documented keeps its byte (sw3_5a) and the usual remedy
    (("noDevice",), "remedies.reader_no_device"),
    (("mute",), "remedies.reader_mute"),
    (("garbled", "checksum_received", "length_received", "out_of_step"), "remedies.reader_garbled"),
    (("hid_report", "hid_length", "hid_sum", "hid_packet", "overflow"), "remedies.reader_garbled"),
    (("self_test", "random_number"), "remedies.reader_sam"),
    (("not_authorised",), "remedies.reader_not_authorised"),
    (("command_received", "not_permitted", "unknown_error", "hid_result"), "remedies.reader_command"),
    (("usb_endpoints",), "remedies.reader_usb"),
)
PRINTER_FAULTS = (  # the receipt printer's words: devices/drivers/printer_escpos.py
    (("jammed",), "remedies.printer_jam"),
    (("cover_open",), "remedies.printer_cover"),
    (("overheated",), "remedies.printer_hot"),
    (("printer_error",), "remedies.printer_error"),
    (("answer_garbled",), "remedies.printer_garbled"),
    (("paper_out",), "remedies.paper_out"),
)
CODE_CODES = ("code_cut", "code_charset", "code_too_long")
"""What a code scanner's driver says of a code that did not come through whole, or is none for us."""

FAILURES: tuple[Failure, ...] = (
    *(
        Failure("F01", ("UserFault",), codes, Move.CITIZEN, "failures.card_unreadable", True, remedy)
        for codes, remedy in CARD_FAULTS
    ),
    Failure("F01", ("IdentityError",), ("id_number_bad",), Move.CITIZEN, "failures.card_unreadable", True),
    Failure("F01", ("UserFault",), ("card_removed",), Move.CITIZEN, "chips.card_removed", True),
    Failure("F01", ("UserFault",), ("card_unknown",), Move.CITIZEN, "chips.card_unknown", True),
    Failure("F01", ("UserFault",), ("pin_wrong",), Move.CITIZEN, "chips.pin_wrong", True),
    Failure("F01", ("UserFault",), ("pin_locked",), Move.CITIZEN, "chips.pin_locked", False),
    Failure("F01", ("Unsupported",), ("pin_needed",), Move.CITIZEN, "chips.pin_needed", True, "remedies.card_region"),
    Failure("F01", ("Unsupported",), CLOSED, Move.ATTENDANT, "chips.holder_closed", False, "remedies.card_region"),
    Failure("F02", ("IdentityError",), ("card_expired",), Move.CITIZEN, "failures.card_expired", False),
    Failure("F01", ("UserFault",), ("wrong_mrz",), Move.CITIZEN, "travel.wrong_mrz", True),
    Failure("F01", ("UserFault",), ("wrong_can",), Move.CITIZEN, "travel.wrong_can", True),
    Failure("F01", ("Unsupported",), ("key_needed", "mrz_needed"), Move.CITIZEN, "travel.key_needed", True),
    Failure("F01", ("Unsupported",), CHIP_CLOSED, Move.ATTENDANT, "travel.chip_closed", False),
    Failure("F03", ("CardLeft",), (), Move.CITIZEN, "failures.card_left", False),
    Failure("F29", ("IdentityError",), ("own_card_again",), Move.CITIZEN, "failures.own_card_again", True),
    Failure("F29", ("FormError",), ("own_card",), Move.CITIZEN, "failures.own_card_again", True),
    Failure("F29", ("FormError",), ("duplicate",), Move.CITIZEN, "failures.member_twice", True),
    Failure("F29", ("FormError",), ("too_many",), Move.CITIZEN, "failures.member_too_many", True),
    Failure("F07", ("FormError",), ("not_signed",), Move.CITIZEN, "failures.not_signed", True),
    Failure("F12", ("Condition",), ("condition_not_met",), Move.CITIZEN, "failures.condition_not_met", False),
    Failure("F25", ("DiskFull",), (), Move.TECHNICIAN, "failures.disk_full", True, "remedies.disk_full"),
    Failure("F25", ("NotStored",), DISK_CODES, Move.TECHNICIAN, "failures.disk_full", True, "remedies.disk_full"),
    Failure("F25", ("NotStored",), ("too_many_parts",), Move.CITIZEN, "failures.too_many_pages", True),
    Failure("F25", ("NotStored",), (), Move.TECHNICIAN, "failures.not_stored", True, "remedies.not_stored"),
    Failure("F17", ("Refused",), (), Move.TECHNICIAN, "failures.held", False, "remedies.held"),
    Failure("F09", ("Jammed",), ("mediaJammed",), Move.ATTENDANT, "failures.scanner_jam", True, "remedies.scanner_jam"),
    Failure("F19", ("SlipHalf",), (), Move.ATTENDANT, "failures.slip_broken", True, "remedies.slip_left"),
    Failure("F19", ("SlipUnsure",), (), Move.ATTENDANT, "failures.slip_unsure", True, "remedies.slip_left"),
    Failure(
        "F18", ("SupplyOut",), ("paper_out",), Move.ATTENDANT, "failures.paper_out", True, "remedies.paper_out", SLIPS
    ),
    Failure("F19", ("SupplyOut",), (), Move.ATTENDANT, "failures.slip_broken", True, "remedies.paper_out", SLIPS),
    Failure("F19", ("Jammed",), (), Move.ATTENDANT, "failures.slip_broken", True, "remedies.printer_jam", SLIPS),
    Failure("F08", ("CodeRefused",), (), Move.CITIZEN, "failures.code_not_asked", True),
    Failure("F08", ("UserFault",), CODE_CODES, Move.CITIZEN, "failures.code_unreadable", True),
    Failure("F08", ("UserFault",), ("noMedia",), Move.CITIZEN, "failures.scanner_empty", True),
    *(
        Failure("F04", ("Reader",), codes, Move.TECHNICIAN, "failures.reader_away", True, remedy)
        for codes, remedy in READER_FAULTS
    ),
    Failure("F04", ("Reader",), (), Move.TECHNICIAN, "failures.reader_away", True, "remedies.reader"),
    Failure("F04", ("NotReady",), ("noService",), Move.TECHNICIAN, "chips.away", True, "remedies.card_service"),
    Failure("F04", ("Card",), (), Move.TECHNICIAN, "chips.away", True, "remedies.card"),
    Failure("F09", ("Camera",), (), Move.TECHNICIAN, "failures.camera_away", True, "remedies.camera"),
    *(
        Failure("F18", ("Printer",), codes, Move.ATTENDANT, "failures.printer_away", True, remedy)
        for codes, remedy in PRINTER_FAULTS
    ),
    Failure("F18", ("Printer",), (), Move.ATTENDANT, "failures.printer_away", True, "remedies.printer"),
    Failure("F20", ("Document_printer",), (), Move.ATTENDANT, "failures.sheet_away", True, "remedies.document_printer"),
    Failure("F00", ("Tampered",), (), Move.TECHNICIAN, "failures.tampered", False, "remedies.tampered"),
    Failure("F27", ("BatteryLow",), (), Move.TECHNICIAN, "failures.battery_low", False, "remedies.battery_low"),
    Failure("F00", ("DoorOpen",), (), Move.TECHNICIAN, "failures.door_open", False, "remedies.door_open"),
    Failure("F27", ("OnBattery",), (), Move.NOBODY, "failures.on_battery", False, "remedies.on_battery"),
    Failure("F00", ("Auxiliaries",), (), Move.TECHNICIAN, "failures.lights_away", False, "remedies.auxiliaries"),
    Failure("F09", ("Scanner",), (), Move.TECHNICIAN, "failures.scanner_away", True, "remedies.scanner"),
    Failure("F09", ("Barcode",), (), Move.ATTENDANT, "failures.barcode_away", True, "remedies.barcode"),
    Failure("F26", ("Clock",), (), Move.TECHNICIAN, "failures.clock", False, "remedies.clock"),
    Failure("F15", ("Network",), (), Move.NOBODY, "failures.network", False, "remedies.network"),
    Failure("F00", (), (), Move.ATTENDANT, "failures.other", True, "remedies.other"),
)


def failure_of(kind: str, code: str, device: str = "") -> Failure:
    """Return the row for an error type's name and its code.

    `device` (Reader, Camera, Printer, Document_printer …) names whose trouble it is when the type alone does not tell.
    """
    for row in FAILURES:
        if kind in row.kinds and (not row.codes or code in row.codes) and row.device in ("", device or row.device):
            return row
    for row in FAILURES:
        if device and device in row.kinds and (not row.codes or code in row.codes):
            return row
    return FAILURES[-1]
