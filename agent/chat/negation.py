"""What a request wants, what it does not want, and where nobody can tell: how far every "no" reaches.

A negation reaches to the end of its clause: a full stop, "but", "please", "and lots of", "give me". A comma ends it too,
unless a list goes on ("no horror, romance or westerns"). Softer words, "not too", "less", "not only", say that something
matters but not how, so what they reach is neither wanted nor unwanted.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import Enum

from agent.chat.grammar import Token, tokens_of
from agent.chat.words import READ, is_light

_NEGATIVE = frozenset(("negative", "reject", "except"))
_LISTED = frozenset(("word", "filler", "function", "degree", "degree_of_not"))
_PREPOSED = frozenset(("from", "of", "in", "the"))
_VERBS = frozenset(("is", "are", "would", "will", "sound", "sounds", "work", "works"))
_PREPOSITIONS = frozenset(
    ("like", "with", "by", "from", "for", "about", "in", "set", "under", "over", "on", "starring")
)
_ENDS = frozenset(("comma", "stop", "restart", "negative", "reject", "except", "unsure", "less"))
_BEING = frozenset(("stay", "staying", "go", "going", "travel", "travelling", "sleep", "live", "being", "book", "anywhere", "somewhere", "located"))  # fmt: skip
_FEW = 8  # words of a clause that tell what it is
_WISHES = frozenset(("please", "only", "instead"))
_LONGEST_ITEM = 2  # words of one member of a list: "dark comedies"
_LONGEST_LIST = 40  # words and marks that are looked at to tell a list


class Sense(Enum):
    """How something is meant."""

    WANTED = "wanted"
    UNWANTED = "unwanted"
    UNSURE = "unsure"


class Scopes:
    """The sense of every place of one folded text."""

    def __init__(self, text: str) -> None:
        self._tokens = tokens_of(text)
        self._starts = [token.start for token in self._tokens]
        reach = _Reach(self._tokens)
        self._senses: list[Sense] = []
        self._doubts: list[bool] = []
        for i in range(len(self._tokens)):
            self._senses.append(reach.step(i))
            self._doubts.append(reach.doubtful)

    def at(self, position: int) -> Sense:
        """The sense of the word that covers a position or precedes it."""
        i = bisect_right(self._starts, position) - 1
        return self._senses[i] if i >= 0 else Sense.WANTED

    def doubtful(self) -> list[tuple[int, int]]:
        """Stretches of which nobody can tell whether a "no" before a comma reaches them: "no horror, comedies and thrillers"."""
        stretches: list[tuple[int, int]] = []
        for token, doubt, before in zip(self._tokens, self._doubts, [False, *self._doubts], strict=False):
            if doubt:
                start = stretches.pop()[0] if before else token.start
                stretches.append((start, token.start + len(token.text)))
        return stretches

    def of_condition(self, position: int) -> Sense:
        """The sense of a condition on whole items: years, popularity.

        "No movies from _" denies the condition itself. "No violence from _" may or may not; "comedies without violence
        from _" does not, since what stands after it speaks of the comedies again.
        """
        sense = self.at(position)
        if sense is not Sense.UNWANTED:
            return sense
        before = self._tokens[: bisect_right(self._starts, position - 1)]
        alone = True
        for i in range(len(before) - 1, -1, -1):
            token = before[i]
            if alone and (token.kind in _NEGATIVE or token.kind == "comma" or token.text == "or"):
                return Sense.UNWANTED
            if token.kind in _NEGATIVE:
                attached = token.text == "without" or (i > 0 and before[i - 1].text == "with")
                return Sense.WANTED if attached and before[-1].text in _PREPOSED else Sense.UNSURE
            alone &= is_light(token.text)
        return Sense.UNSURE

    def of_place(self, position: int) -> Sense:
        """The sense of where something is, in the reach of a "no": wanted if anything else is denied before it."""
        for token in reversed(self._tokens[: bisect_right(self._starts, position - 1)]):
            if token.kind in _NEGATIVE:
                return Sense.UNWANTED
            names = token.kind == "word" and token.text not in _BEING
            if names and (not token.text.strip(READ) or not is_light(token.text)):
                return Sense.WANTED
        return Sense.UNWANTED


class _Reach:
    """The sense from token to token, in reading order."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._sense = Sense.WANTED
        self._firm = False  # "I hate a, b and c" denies all three; "no a, b and c" may not
        self._denied = False  # whether what is denied has been named yet
        self._soft = ""  # after "not too": "open" until the softened word has come, then "closing"
        self._of_not = False
        self.doubtful = False

    def step(self, i: int) -> Sense:
        """Read one more token; the sense that holds for it."""
        token = self._tokens[i]
        before = self._tokens[i - 1] if i else Token("stop", 0, ".")
        if token.kind in ("stop", "restart") or self._ends_after_all(token):
            self._turn(Sense.WANTED)
        elif token.kind == "comma":
            anew = self._begins_anew(self._tokens[i + 1 : i + 1 + _LONGEST_LIST], self._tokens[:i])
            certain = self._sense is not Sense.UNSURE
            doubted = self.doubtful
            self._turn(Sense.WANTED if anew else self._after_comma(i), firm=True)
            self.doubtful = self._sense is Sense.UNSURE and (certain or doubted)
            self._denied = True
        elif token.kind in ("unsure", "less"):
            self._turn(Sense.UNSURE, firm=True)
        elif token.kind in _NEGATIVE:
            self._negate(token, before)
        elif self._soft:
            self._soften(token)
        elif self._sense is Sense.UNWANTED and (
            token.kind == "degree" or (token.kind == "degree_of_not" and _is_not(before))
        ):
            self._sense, self._soft, self._of_not = Sense.UNSURE, "open", before.text == "not"
        self._denied |= token.kind == "word" and not is_light(token.text)
        return self._sense

    def _ends_after_all(self, token: Token) -> bool:
        """What ends a negation only at times: not "don't give me horror", not "not only action but also"."""
        return (token.kind == "order" and self._denied) or (token.kind == "also" and self._sense is Sense.UNWANTED)

    def _turn(self, sense: Sense, *, firm: bool = False) -> None:
        self._sense, self._firm, self._denied, self._soft, self.doubtful = sense, firm, False, "", False

    def _negate(self, token: Token, before: Token) -> None:
        if token.kind == "except" and self._sense is Sense.UNWANTED:
            self._turn(Sense.WANTED)  # "no movies except comedies"
        elif token.kind == "reject" and before.kind == "negative":
            self._turn(Sense.UNSURE, firm=True)  # "I don't hate horror"
        else:
            self._turn(Sense.UNWANTED, firm=token.text not in ("no", "not"))

    def _soften(self, token: Token) -> None:
        """Past the word that "not too" softens, "not too scary comedies" speaks of what is wanted."""
        if token.kind == "join":
            self._soft = "open"
        elif self._soft == "open":
            self._soft = {"word": "closing", "function": ""}.get(token.kind, "open")
        else:
            self._soft = ""
            if token.kind == "word" and self._of_not:
                self._turn(Sense.WANTED)

    def _after_comma(self, i: int) -> Sense:
        """Whether a negation goes on past a comma: it does in a list, where a list can be told from a new wish."""
        if self._sense is Sense.WANTED:
            return self._sense
        items, length, joiner, verb, end = 0, 0, "", False, Token("stop", 0, ".")
        for token in self._tokens[i + 1 : i + 1 + _LONGEST_LIST]:
            if token.kind in ("comma", "join") or token.text == "nor":
                items, length = items + (length > 0), 0
                joiner = token.text if token.kind != "comma" else joiner
            elif token.kind in _LISTED and (length < _LONGEST_ITEM or joiner):
                length += 1
                verb |= token.text in _VERBS
            else:
                end = token
                break
        items += length > 0
        if items == 0:
            return self._sense  # the next word decides
        if (end.kind in _LISTED and not joiner) or verb:
            return Sense.WANTED
        wished, long = end.text in _WISHES, length > _LONGEST_ITEM
        if not long and not wished and (joiner in ("or", "nor") or (joiner and self._firm)):
            return self._sense
        if items == 1 and not joiner and end.kind != "negative" and (wished or not self._firm):
            return Sense.WANTED
        return Sense.WANTED if wished and joiner == "and" and not self._firm else Sense.UNSURE

    def _begins_anew(self, ahead: list[Token], before: list[Token]) -> bool:
        """Whether a clause is a wish of its own: "..., like Alien", "..., with dogs", or a condition that was read, as years are.

        What was denied by the same preposition, or as such a condition, may go on: "nothing by King, by Koontz".
        """
        before = before[-_LONGEST_LIST:]
        denied = before[_last_negative(before) + 1 :]
        clause = ahead[: next((n for n, token in enumerate(ahead) if token.kind in _ENDS), _FEW)]
        if any(token.text in ("nor", "or") for token in clause):
            return False
        if ahead and ahead[0].text in _PREPOSITIONS:
            return ahead[0].text not in {token.text for token in denied}
        filled = [token.text for token in clause if not is_light(token.text) or not token.text.strip(READ)]
        whole = bool(filled) and not any(text.strip(READ) for text in filled)
        return whole and all(token.text.strip(READ) for token in denied)


def _last_negative(tokens: list[Token]) -> int:
    return max((n for n, token in enumerate(tokens) if token.kind in _NEGATIVE), default=-1)


def _is_not(token: Token) -> bool:
    return token.text == "not" or token.text.endswith("n't")
