"""The syllables of pinyin, for the nine-key pad: which letters a row of keys may stand for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

# GB/T 16159 table of initials and finals, without tones; ü is typed v after n and l.
_TABLE = {
    "": "a ai an ang ao e ei en eng er o ou",
    "b": "a ai an ang ao ei en eng i ian iao ie in ing o u",
    "p": "a ai an ang ao ei en eng i ian iao ie in ing o ou u",
    "m": "a ai an ang ao e ei en eng i ian iao ie in ing iu o ou u",
    "f": "a an ang ei en eng o ou u",
    "d": "a ai an ang ao e ei en eng i ia ian iao ie ing iu ong ou u uan ui un uo",
    "t": "a ai an ang ao e eng i ian iao ie ing ong ou u uan ui un uo",
    "n": "a ai an ang ao e ei en eng i ian iang iao ie in ing iu ong ou u uan uo v ve",
    "l": "a ai an ang ao e ei eng i ia ian iang iao ie in ing iu o ong ou u uan un uo v ve",
    "g": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "k": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "h": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "j": "i ia ian iang iao ie in ing iong iu u uan ue un",
    "q": "i ia ian iang iao ie in ing iong iu u uan ue un",
    "x": "i ia ian iang iao ie in ing iong iu u uan ue un",
    "zh": "a ai an ang ao e ei en eng i ong ou u ua uai uan uang ui un uo",
    "ch": "a ai an ang ao e en eng i ong ou u ua uai uan uang ui un uo",
    "sh": "a ai an ang ao e ei en eng i ou u ua uai uan uang ui un uo",
    "r": "an ang ao e en eng i ong ou u ua uan ui un uo",
    "z": "a ai an ang ao e ei en eng i ong ou u uan ui un uo",
    "c": "a ai an ang ao e en eng i ong ou u uan ui un uo",
    "s": "a ai an ang ao e en eng i ong ou u uan ui un uo",
    "y": "a an ang ao e i in ing o ong ou u uan ue un",
    "w": "a ai an ang ei en eng o u",
}

SYLLABLES = frozenset(initial + final for initial, finals in _TABLE.items() for final in finals.split())
PREFIXES = frozenset(syllable[:n] for syllable in SYLLABLES for n in range(1, len(syllable) + 1))
LONGEST = max(map(len, SYLLABLES))


@lru_cache(maxsize=256)
def readings(keys: tuple[str, ...], limit: int = 4) -> tuple[tuple[str, ...], ...]:
    """Return up to `limit` ways to read a row of keys as syllables, the fewest syllables first.

    Each key is the letters it may stand for. The last syllable may be unfinished.
    """
    found: list[tuple[str, ...]] = []
    layer: list[tuple[tuple[str, ...], int]] = [((), 0)]
    while layer and len(found) < limit:
        following: list[tuple[tuple[str, ...], int]] = []
        for said, at in layer:
            for syllable in _starts(keys[at:]):
                end = at + len(syllable)
                if end == len(keys):
                    found.append((*said, syllable))
                elif syllable in SYLLABLES:
                    following.append(((*said, syllable), end))
        layer = following[:256]  # a row of keys longer than a name is not read in every way
    whole = [way for way in found if way[-1] in SYLLABLES]
    return tuple((whole + [way for way in found if way[-1] not in SYLLABLES])[:limit])


def first_syllables(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the first syllable may be, the longest first."""
    return tuple(syllable for syllable in _starts(keys) if syllable in SYLLABLES)


@lru_cache(maxsize=1024)
def _starts(keys: tuple[str, ...]) -> tuple[str, ...]:
    def grow(said: str, rest: tuple[str, ...]) -> Iterator[str]:
        for letter in rest[0] if rest else "":
            longer = said + letter
            if longer in PREFIXES:
                yield from grow(longer, rest[1:])
                if longer in SYLLABLES or len(longer) == len(keys):
                    yield longer

    return tuple(sorted(grow("", keys[:LONGEST]), key=len, reverse=True))
