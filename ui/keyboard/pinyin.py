"""What typed letters may mean in Chinese: words, sentences and single characters, best first.

Letters are split into syllables in every sensible way (xian is 先 and 西安; an apostrophe decides), a lone initial
stands for any syllable that begins with it (jxs → 嘉兴市), ü is typed v. A sentence is the best path over word
candidates. The dictionary is opened at the first look-up, read-only; nothing typed is learned, stored or logged.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ui.keyboard.nine import Found, Nine

MAX_LETTERS = 60
LIMIT = 400  # yi has 254 characters and words before the last one of GB 2312
LONGEST_WORD = 8  # syllables, as the dictionary is built
WORDS_A_LENGTH = 40  # so that the single characters of the first syllable stay within reach
WAYS = 6  # ways to split that are kept; more never changed a first page
INITIALS = frozenset([*"bpmfdtnlgkhjqxrzcsyw", "zh", "ch", "sh"])
WORD_BONUS = 20.0  # 西安 before the rarer ones of xian's characters
GUESS = 0.3  # what one more guessed syllable costs
CHARACTER_CHANCE = 0.7  # a character by itself in a sentence, so that it leans towards words
HUNDREDTHS = 100  # the dictionary counts characters in them


class DictionaryError(Exception):
    """The dictionary is missing or cannot be read; set-up builds it (ui.keyboard.dictionary)."""


class Candidate(NamedTuple):
    """Characters, and how many of the typed letters (apostrophes included) they stand for."""

    text: str
    consumed_letters: int


class Token(NamedTuple):
    """One typed syllable. `code` is its spelling in the dictionary, `end` where it ends among the letters."""

    code: str
    end: int
    is_whole: bool


Way = tuple[Token, ...]


class Pinyin:
    """Candidates for typed letters, from one dictionary file."""

    def __init__(self, path: Path) -> None:
        """Name the dictionary; it is opened at the first look-up."""
        self._path = path
        self._database: sqlite3.Connection | None = None
        self._syllables: dict[str, str] = {}  # as typed → as in the dictionary
        self._prefixes: frozenset[str] = frozenset()
        self._alone: dict[str, tuple[str, int]] = {}  # the commonest one-character word of each syllable
        self._log_total = 0.0
        self._nine: Nine | None = None

    def candidates(self, letters: str, limit: int = LIMIT) -> tuple[Candidate, ...]:
        """Return at most `limit` candidates: what takes in most letters first, then the commoner ones.

        Letters that begin no syllable give nothing. Raises: DictionaryError.
        """
        self._open()
        letters = letters.lower().replace("ü", "v")[:MAX_LETTERS]
        ways = self._ways(letters)
        if not ways:
            return ()
        scores: dict[Candidate, float] = {}
        fewest = min(_guesses(way) for way in ways)
        for way in ways:
            factor = GUESS ** (_guesses(way) - fewest)
            for count in range(min(len(way), LONGEST_WORD), 0, -1):
                self._add_words(way[:count], limit, factor, scores)
        self._add_sentence(ways, scores)
        found = sorted(scores, key=lambda one: (-one.consumed_letters, -scores[one], one.text))
        return tuple(_with_apostrophes(one, letters) for one in found[:limit])

    def candidates_nine(self, groups: Sequence[str], limit: int = LIMIT) -> tuple[Found, ...]:
        """Return at most `limit` meanings of a row of nine-keys, as `candidates` does, each with its spelling.

        A group is the letters a key stands for ("ghi"), or one letter where a reading was chosen.
        Raises: DictionaryError.
        """
        self._open()
        if self._nine is None:
            raise DictionaryError("closed")
        return tuple(self._nine.candidates(groups[:MAX_LETTERS], limit))

    def close(self) -> None:
        """Let go of the dictionary; the next look-up opens it again."""
        if self._database is not None:
            self._database.close()
            self._database = None
            self._nine = None

    # ── words and sentences ────────────────────────────────────────────────────────────────

    def _add_words(self, tokens: Way, limit: int, factor: float, scores: dict[Candidate, float]) -> None:
        factor *= WORD_BONUS if len(tokens) > 1 else 1 / HUNDREDTHS
        for text, weight in self._look_up(tokens, limit if len(tokens) == 1 else min(limit, WORDS_A_LENGTH)):
            candidate = Candidate(text, tokens[-1].end)
            scores[candidate] = max(scores.get(candidate, 0.0), weight * factor)

    def _add_sentence(self, ways: list[Way], scores: dict[Candidate, float]) -> None:
        """Add the likeliest sentence over all letters, and its beginnings of two syllables or more."""
        furthest = max(way[-1].end for way in ways)
        paths = [(self._best_path(way), way) for way in ways if way[-1].end == furthest]
        best, way = max(paths, key=lambda path: path[0][-1])
        whole = best[-1][1]
        for token, (score, text) in list(zip(way, best, strict=True))[1:]:
            if whole.startswith(text):  # a beginning that the sentence itself reads otherwise is noise
                candidate = Candidate(text, token.end)
                weight = math.exp(score + self._log_total) * WORD_BONUS
                scores[candidate] = max(scores.get(candidate, 0.0), weight)

    def _best_path(self, way: Way) -> list[tuple[float, str]]:
        """The likeliest words for each beginning of the way, with the logarithm of their chance."""
        best: list[tuple[float, str]] = [(0.0, "")]
        for end in range(1, len(way) + 1):
            options = [
                (best[start][0] + self._log_chance(weight), best[start][1] + text)
                for start in range(max(0, end - LONGEST_WORD), end)
                for text, weight in self._commonest(way[start:end])
            ]
            best.append(max(options, default=(-math.inf, "")))
        return best[1:]

    def _commonest(self, tokens: Way) -> list[tuple[str, float]]:
        """The likeliest word for these syllables in a sentence, with its weight; [] when there is none."""
        if len(tokens) > 1:
            return list(self._look_up(tokens, 1))
        if found := self._alone.get(tokens[0].code):
            return [(found[0], found[1] * CHARACTER_CHANCE)]
        return [(text, weight / HUNDREDTHS * CHARACTER_CHANCE) for text, weight in self._look_up(tokens, 1)]

    def _look_up(self, tokens: Way, limit: int) -> list[tuple[str, int]]:
        if self._database is None:
            raise DictionaryError("closed")
        if all(token.is_whole for token in tokens):
            query = "SELECT text, weight FROM words WHERE code = ? ORDER BY weight DESC LIMIT ?"
            return self._database.execute(query, ("'".join(token.code for token in tokens), limit)).fetchall()
        query = "SELECT text, weight FROM words WHERE initials = ? AND code GLOB ? ORDER BY weight DESC LIMIT ?"
        pattern = "'".join(token.code if token.is_whole else f"{token.code}*" for token in tokens)
        return self._database.execute(query, ("".join(token.code[0] for token in tokens), pattern, limit)).fetchall()

    def _log_chance(self, weight: float) -> float:
        return math.log(weight + 0.01) - self._log_total

    # ── syllables ──────────────────────────────────────────────────────────────────────────

    def _ways(self, letters: str) -> list[Way]:
        """Return the ways to split letters into syllables, those with the fewest guessed and fewest in all first."""
        ways: list[Way] = [()]
        start = 0
        for chunk in letters.split("'"):
            pieces = self._ways_of_chunk(chunk, start)
            ways = [(*way, *piece) for way in ways for piece in pieces][:WAYS]
            if pieces[0][-1:] and pieces[0][-1].end < start + len(chunk):
                break  # what follows begins no syllable
            if chunk and not pieces[0]:
                break
            start += len(chunk) + 1
        return [way for way in ways if way]

    def _ways_of_chunk(self, chunk: str, offset: int) -> list[Way]:
        found: list[list[tuple[int, Way]]] = [[] for _ in chunk] + [[(0, ())]]
        for at in range(len(chunk) - 1, -1, -1):
            options = [
                (cost + rest_cost, (token, *rest))
                for cost, token in self._tokens(chunk, at, offset)
                for rest_cost, rest in found[token.end - offset]
            ]
            # Letters that begin nothing end the reading; whoever reads further is better.
            found[at] = sorted(options, key=lambda one: one[0])[:WAYS] or [(100 * (len(chunk) - at), ())]
        best_cost, best = found[0][0]
        slack = 10 if not any(token.is_whole for token in best) else 9  # sh may be 是 or 上海; xian is not xia n
        return [way for cost, way in found[0] if cost <= best_cost + slack]

    def _tokens(self, chunk: str, at: int, offset: int) -> Iterator[tuple[int, Token]]:
        for end in range(at + 1, min(len(chunk), at + 6) + 1):
            piece = chunk[at:end]
            if piece in self._syllables:
                yield 1, Token(self._syllables[piece], offset + end, True)
            elif piece in INITIALS or (end == len(chunk) and piece in self._prefixes):
                yield 10, Token(piece, offset + end, False)

    def _open(self) -> None:
        if self._database is not None:
            return
        try:
            address = f"{self._path.resolve().as_uri()}?mode=ro&immutable=1"
            self._database = sqlite3.connect(address, uri=True, check_same_thread=False)
            facts = dict(self._database.execute("SELECT name, value FROM facts").fetchall())
            self._log_total = math.log(int(facts["total"]))
            self._syllables = _spellings(facts["syllables"].split())
            alone = self._database.execute("SELECT code, text, weight FROM alone").fetchall()
            self._alone = {code: (text, weight) for code, text, weight in alone}
            self._nine = Nine(self._database, self._syllables.values(), self._log_total)
        except (sqlite3.DatabaseError, KeyError, ValueError) as error:
            self.close()
            raise DictionaryError(f"cannot read {self._path.name}") from error
        self._prefixes = frozenset(s[:n] for s in self._syllables for n in range(1, len(s)))


def _guesses(way: Way) -> int:
    return sum(not token.is_whole for token in way)


def _spellings(syllables: list[str]) -> dict[str, str]:
    """Every way a syllable is typed: lve also as lue, ju also as jv."""
    spellings = {syllable: syllable for syllable in syllables}
    for syllable in syllables:
        if syllable in ("lve", "nve"):
            spellings[syllable.replace("v", "u")] = syllable
        elif syllable[0] in "jqxy" and syllable[1] == "u":
            spellings[syllable.replace("u", "v", 1)] = syllable
    return spellings


def _with_apostrophes(candidate: Candidate, letters: str) -> Candidate:
    """The candidate, taking in the apostrophe that follows it."""
    end = candidate.consumed_letters
    while end < len(letters) and letters[end] == "'":
        end += 1
    return Candidate(candidate.text, end)
