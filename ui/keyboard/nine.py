"""Nine keys: what a row of keys may mean, found by the digits themselves.

Each word is stored with its digits (nan'hu'qu is 6264878), so neither letters nor syllables have to be guessed first.
Where a reading was chosen, letters are fixed: then words of the same digits must also have these letters.
"""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

_LETTERS = {"2": "abc", "3": "def", "4": "ghi", "5": "jkl", "6": "mno", "7": "pqrs", "8": "tuv", "9": "wxyz"}
_DIGIT = {letter: digit for digit, letters in _LETTERS.items() for letter in letters}
LONGEST_SYLLABLE = 6
LONGEST_WORD = 36  # keys; the longest word there has 34
ALL = 4000  # more than any digits have; letters that are fixed choose among them
WORDS_A_LENGTH = 40  # so that the single characters stay within reach
WORD_BONUS = 20.0  # as with letters: 西安 before the rarer ones of xian's characters
UNFINISHED = 0.1  # what a word is worth whose last syllable is still being typed
CHARACTER_CHANCE = 0.3  # a character by itself in a sentence; lower than with letters, as digits fit more of them
HUNDREDTHS = 100  # the dictionary counts characters in them


class Found(NamedTuple):
    """Characters, how many keys they take in, and their spelling with apostrophes."""

    text: str
    keys: int
    code: str


class _Word(NamedTuple):
    text: str
    weight: float  # occurrences
    code: str


class _Digits(dict[int, str]):
    def __missing__(self, sign: int) -> str:
        return ""


_TO_DIGITS = _Digits(str.maketrans(_DIGIT))


def digits_of(letters: str) -> str:
    """Return the keys letters lie on; what is no letter from a to z is left out."""
    return letters.translate(_TO_DIGITS)


class Nine:
    """Look-ups by digits in one open dictionary."""

    def __init__(self, database: sqlite3.Connection, syllables: Collection[str], log_total: float) -> None:
        self._database = database
        self._log_total = log_total
        self._syllables = frozenset(map(digits_of, syllables))
        self._prefixes = frozenset(one[:n] for one in self._syllables for n in range(1, len(one) + 1))
        self._alone: dict[str, list[_Word]] = defaultdict(list)  # the commonest one-character words of one digits
        for code, weight, text in database.execute("SELECT code, weight, text FROM alone ORDER BY weight DESC"):
            self._alone[digits_of(code)].append(_Word(text, weight, code))

    def candidates(self, groups: Sequence[str], limit: int) -> list[Found]:
        """Return at most `limit` meanings of a row of keys: what takes in most keys first, then the commoner ones.

        A group is the letters a key stands for, or one letter that was fixed. Keys that begin no syllable end the row.
        """
        digits = "".join(digits_of(group[:1]) for group in groups)
        fixed = [group if len(group) == 1 else "" for group in groups]
        ends = self._ends(digits)
        if not ends:
            return []
        scores: dict[Found, float] = {}
        self._add_unfinished(digits, fixed, scores)
        self._add_sentence(digits[: ends[0]], fixed, scores)
        for end in ends:
            if len({one[:2] for one in scores if one.keys > end}) >= limit:
                break  # what takes in fewer keys comes after all of these
            self._add_words(digits, fixed, end, scores)
        best: dict[tuple[str, int], Found] = {}
        for one in sorted(scores, key=lambda one: (-one.keys, -scores[one], one.text)):
            best.setdefault((one.text, one.keys), one)
        return list(best.values())[:limit]

    # ── words ──────────────────────────────────────────────────────────────────────────────

    def _add_words(self, digits: str, fixed: Sequence[str], end: int, scores: dict[Found, float]) -> None:
        words = 0
        for word in self._look_up(digits[:end], fixed, ALL):
            if len(word.text) > 1:
                words += 1
            if len(word.text) == 1 or words <= WORDS_A_LENGTH:
                _note(scores, Found(word.text, end, word.code), _score(word))

    def _add_unfinished(self, digits: str, fixed: Sequence[str], scores: dict[Found, float]) -> None:
        """Add what the row begins, where only the last syllable is not finished."""
        if len(digits) <= 2:
            found: Iterable[_Word] = (
                word for code, words in self._alone.items() if code.startswith(digits) for word in words
            )
        else:
            found = self._begun(digits)
        fitting = [word for word in found if _fits(word.code, fixed) and _is_last_unfinished(word.code, len(digits))]
        for word in sorted(fitting, key=_score, reverse=True)[:WORDS_A_LENGTH]:
            _note(scores, Found(word.text, len(digits), word.code), _score(word) * UNFINISHED)

    def _begun(self, digits: str) -> list[_Word]:
        query = "SELECT text, weight, code FROM words WHERE digits > ? AND digits < ? AND length(digits) < ?"
        rows = self._database.execute(query, (digits, digits + ":", len(digits) + LONGEST_SYLLABLE))
        return [_Word(text, weight / _unit(text), code) for text, weight, code in rows]

    def _look_up(self, digits: str, fixed: Sequence[str], limit: int) -> list[_Word]:
        """Return the words of these digits whose letters fit, the commonest first."""
        has_letters = any(fixed[: len(digits)])
        query = "SELECT text, weight, code FROM words WHERE digits = ? ORDER BY weight DESC LIMIT ?"
        rows = self._database.execute(query, (digits, ALL if has_letters else limit))
        words = [_Word(text, weight / _unit(text), code) for text, weight, code in rows]
        return [word for word in words if _fits(word.code, fixed)][:limit] if has_letters else words

    # ── sentences ──────────────────────────────────────────────────────────────────────────

    def _add_sentence(self, digits: str, fixed: Sequence[str], scores: dict[Found, float]) -> None:
        """Add the likeliest sentence over all keys, and its beginnings of two characters or more."""
        best: list[tuple[float, str, str]] = [(0.0, "", "")] + [(-math.inf, "", "")] * len(digits)
        for start in range(len(digits)):
            if best[start][0] == -math.inf:
                continue
            for end in range(start + 1, min(len(digits), start + LONGEST_WORD) + 1):
                for text, weight, code in self._likeliest(digits[start:end], fixed[start:]):
                    chance = best[start][0] + math.log(weight + 0.01) - self._log_total
                    if chance > best[end][0]:
                        best[end] = (chance, best[start][1] + text, f"{best[start][2]}'{code}".lstrip("'"))
        whole = best[-1][1]
        for end, (chance, text, code) in enumerate(best):
            if len(text) > 1 and whole.startswith(text) and self._is_readable(digits[end:]):
                _note(scores, Found(text, end, code), math.exp(chance + self._log_total) * WORD_BONUS)

    def _likeliest(self, digits: str, fixed: Sequence[str]) -> list[_Word]:
        """Return the likeliest word and the likeliest character of these digits."""
        found = [word for word in self._alone.get(digits, ()) if _fits(word.code, fixed)][:1]
        found = found or [word for word in self._look_up(digits, fixed, 1) if len(word.text) == 1]
        words = [word for word in self._look_up(digits, fixed, 3) if len(word.text) > 1][:1]
        return [*(one._replace(weight=one.weight * CHARACTER_CHANCE) for one in found), *words]

    # ── syllables ──────────────────────────────────────────────────────────────────────────

    def _ends(self, digits: str) -> list[int]:
        """Return where a candidate may end so that the rest can be read on, the furthest first."""
        whole = [True] + [False] * len(digits)  # what syllables reach
        for end in range(1, len(digits) + 1):
            starts = range(max(0, end - LONGEST_SYLLABLE), end)
            whole[end] = any(whole[start] and digits[start:end] in self._syllables for start in starts)
        reached = [end for end in range(1, len(digits) + 1) if whole[end]]
        sensible = [end for end in reached if self._is_readable(digits[end:])]
        return (sensible or reached or ([len(digits)] if digits in self._prefixes else []))[::-1]

    def _is_readable(self, digits: str) -> bool:
        """Whether syllables take in all the digits, the last of them perhaps unfinished."""
        reached = {0}
        for start in range(len(digits)):
            if start in reached:
                rest = digits[start : start + LONGEST_SYLLABLE]
                if len(digits) - start <= LONGEST_SYLLABLE and rest in self._prefixes:
                    return True
                reached |= {start + n for n in range(1, len(rest) + 1) if rest[:n] in self._syllables}
        return len(digits) in reached


def _note(scores: dict[Found, float], found: Found, score: float) -> None:
    scores[found] = max(scores.get(found, 0.0), score)


def _score(word: _Word) -> float:
    return word.weight * (WORD_BONUS if len(word.text) > 1 else 1)


def _unit(text: str) -> int:
    return HUNDREDTHS if len(text) == 1 else 1


def _fits(code: str, fixed: Sequence[str]) -> bool:
    letters = code.replace("'", "")
    return all(not letter or letter == own for letter, own in zip(fixed, letters, strict=False))


def _is_last_unfinished(code: str, keys: int) -> bool:
    """Whether `keys` keys reach into the last syllable of a word and not to its end."""
    letters = len(code.replace("'", ""))
    return letters - len(code.rpartition("'")[2]) < keys < letters
