"""What each result of a SAM-V reader means for us: the error, its code word, and so whose move it is.

The words are `samv.MEANINGS`; remedies for the technician stand in `kiosk/station/failures.py` under the same words.
Source: reference/devices.md §4.4.
"""

from __future__ import annotations

from devices.api import DeviceError, HardwareFault, Unsupported, UserFault, WireFault
from devices.wire.samv import Answer, Result

SOUND = frozenset({Result.SUCCESS, Result.CARD_FOUND, Result.NO_CARD, Result.NOTHING_APPENDED})  # no faults
NOT_KNOWN = frozenset({Result.COMMAND, Result.NOT_PERMITTED, Result.UNKNOWN})  # said to a command the reader lacks
DISTURBED = frozenset({Result.CHECKSUM, Result.LENGTH})  # what we said arrived wrong: it is said once more

FAULTS: dict[int, type[DeviceError]] = {
    Result.CHECKSUM: WireFault,
    Result.LENGTH: WireFault,
    Result.COMMAND: Unsupported,
    Result.NOT_PERMITTED: Unsupported,
    Result.UNKNOWN: HardwareFault,
    Result.CARD_REFUSED_SAM: UserFault,
    Result.SAM_REFUSED_CARD: UserFault,
    Result.NOT_VERIFIED: UserFault,
    Result.CARD_TYPE: UserFault,
    Result.READ_FAILED: UserFault,
    Result.SELECT_FAILED: UserFault,
    Result.RANDOM: HardwareFault,
    Result.SELF_TEST: HardwareFault,
    Result.NOT_AUTHORISED: HardwareFault,
}


def refuse(answer: Answer, *expected: Result) -> int:
    """Return SW3 when it is one of the expected.

    Raises: the error of FAULTS with the result's word; HardwareFault("sw3_5a") for a result nobody documented;
    WireFault("out_of_step") for the answer to another question.
    """
    if answer.sw3 in expected:
        return answer.sw3
    if answer.sw3 in SOUND:
        raise WireFault("out_of_step", answer.meaning)
    raise FAULTS.get(answer.sw3, HardwareFault)(answer.meaning)
