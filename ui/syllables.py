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

# The syllables of everyday text and of addresses, the commonest first; what is not here is rarer than all of them.
_COMMON = (
    "shi de yi bu you zhi ren ji da zai guo zhong yu he jia shang gong qi yuan xin zhe ge wei li xing "
    "jiang nan dao chu lai sheng di zi xiang cun jie lu hao min fa jian ta xi dui ye hui wo shui jing "
    "xiao cheng tong zheng hua nian kai gao yao dong bao bei tian fang men zhu mian qu yan lin zhen "
    "xian hai ping an chang hu lao ming ying hou liang qian ben dan na suo dian yang chan ma shou ban "
    "bian tai pin bai mei duo guan er bing zhang chen wang shen wu xu sun zhou cai pan "
)
_RARITY = {syllable: place for place, syllable in enumerate(_COMMON.split())}

SYLLABLES = frozenset(initial + final for initial, finals in _TABLE.items() for final in finals.split())
PREFIXES = frozenset(syllable[:n] for syllable in SYLLABLES for n in range(1, len(syllable) + 1))
LONGEST = max(map(len, SYLLABLES))


@lru_cache(maxsize=256)
def readings(keys: tuple[str, ...], limit: int = 6) -> tuple[tuple[str, ...], ...]:
    """Return up to `limit` ways to read a row of keys as syllables, the fewest syllables first.

    Each key is the letters it may stand for. The last syllable may be unfinished.
    """
    found: list[tuple[str, ...]] = []
    enough = limit * 16
    layer: list[tuple[tuple[str, ...], int]] = [((), 0)]
    while layer and len(found) < enough:
        following: list[tuple[tuple[str, ...], int]] = []
        for said, at in layer:
            for syllable in _starts(keys[at:]):
                end = at + len(syllable)
                if end == len(keys):
                    found.append((*said, syllable))
                elif syllable in SYLLABLES:
                    following.append(((*said, syllable), end))
        layer = following[:256]  # a row of keys longer than a name is not read in every way
    found.sort(key=lambda way: (len(way), way[-1] not in SYLLABLES, sum(_RARITY.get(one, len(_RARITY)) for one in way)))
    return tuple(found[:limit])


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
