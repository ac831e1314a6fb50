"""Questions of fact about single items: "what's the price of the second?", "is number 1 good for kids?", "tell me about it".

They want an answer and no other list, so they set no condition. A message may ask several: "is number 1 vegan, and how long
does it take?".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from agent.chat.references import Pointed, References
from agent.chat.remainder import Remainder

ASIDE = r"\s*(?:(?:so|ok(?:ay)?|and|but|now|well|hm+|oh|ah|great|nice|yes|no|please|hi|hello|hey|can you|could you|tell me|do you know)[, ]+)*?"
ENDING = r"(?:,? please)?[\s.!?]*"
"""How a question may begin and end."""
_WORD = r"[a-z]+"
_NAME = r"(?!(?:the|and)\b)[a-z]+(?: (?!(?:the|and|of|for)\b)[a-z]+)?"
_ITEM = r"(?P<item>\S.*?)"
_USE = r"(?:play|read|watch|see|use|finish)"
_ABOUT_WHAT = tuple(
    re.compile(ASIDE + pattern + ENDING)
    for pattern in (
        rf"(?:(?:what(?:'s|s| is| are| was)|who(?:'s| is| are| was)|give me|tell me|show me|compare) )?the (?P<what>{_NAME}(?:(?:,|,? and)(?: the)? {_NAME}){{0,3}}) (?:of|for) {_ITEM}",
        rf"how (?P<what>long) does it take to {_USE} {_ITEM}",
        rf"how many (?P<what>[a-z]+) (?:can|could) {_USE} {_ITEM}",
        rf"how (?:many )?(?P<what>[a-z]+) (?:is|are|was|does|do|did|can|has|have|had) {_ITEM}(?: (?:cost|take|last|need|have|had|got|done|driven|run|covered|support|require|run|play|to {_USE}|for))?",
        rf"what (?P<what>[a-z]+) (?:is|are|was|does|do) {_ITEM}(?: (?:come in|available in|made of|made from|for|from|of|in|on|by|under|with|released|made|published|have|need))?",
        rf"who(?:'s| is| are| was) {_ITEM} (?P<what>by)",
        rf"what (?:does|do|did) {_ITEM} (?P<what>cost)",
        rf"how (?P<what>far)(?: away)? (?:is|are) {_ITEM}(?: (?:from|to) .{{1,40}})?",
        rf"(?P<what>when) (?:is|was|did) {_ITEM}(?: (?:from|made|released|published|come out))?",
        rf"who (?P<what>mak(?:es|e)|made|direct(?:s|ed)|wr(?:ites|ote)|publish(?:es|ed)|design(?:s|ed)|develop(?:s|ed)|produc(?:es|ed)) {_ITEM}",
        rf"who (?P<what>(?!(?:is|are|was|were|would|can|will|do|does|did|the)\b)[a-z]{{4,}}) {_ITEM}",
        rf"(?P<what>where)(?:'s| is| are| was| were| does| do) {_ITEM}(?: (?:made|from|set|produced|located|based|grown|come from|comes from))*",
        rf"how (?:long|big|large|high|much|good|old|many) (?:is|are) (?:the|its|their) (?P<what>{_NAME}) (?:on|of|for|in|with|at) {_ITEM}",
        rf"how (?P<what>long) (?:do|should|can|must) (?:i|you|we|one) [a-z]+ {_ITEM}(?: for)?",
        rf"how (?P<what>much) (?:is|are|does|do|for|would) {_ITEM}(?: cost| be)?(?: (?:per|a|an|for|each|in) [^?,;]{{1,20}}?)?",
        rf"how many (?P<what>[a-z]+) (?:are|is) (?:still )?(?:left|there|available|free|spare)(?: (?:for|on|at|in|of|with) {_ITEM})",
        rf"why (?:is|are) {_ITEM} so (?P<what>[a-z]+)",
        rf"(?P<what>when|how (?:much|many|long|often|far|big|tall|high|wide|fast)|where|in (?:what|which) [a-z]+|(?:what|which) [a-z]+) (?:does|do|did|is|are|was|can|will|should|has|have) {_ITEM} (?P<doing>(?!to\b)[a-z]{{3,}})(?: (?!(?:and|but|or)\b)[a-z]+){{0,3}}?",
    )
)
_ABOUT_ALL = re.compile(
    rf"{ASIDE}(?:(?:(?:tell me|what (?:do you know|can you tell me)) (?:more )?about|details (?:of|on|about)|describe|(?:what|how) about) {_ITEM}"
    rf"|what(?:'s| is) (?:in(?:side)? )?(?P<what>(?:the|number|no\.|#|it|that|this)\b.*?)(?: about| like)?){ENDING}"
)
_SHOWN = re.compile(
    rf"{ASIDE}(?:show me|let me see|show) (?P<item>(?:the|number|no\.|nr|#|\d|that|this|it)\b.*?|#\d+)(?P<again> again)?{ENDING}"
)
_AT = re.compile(
    rf"{ASIDE}(?:(?P<is>(?:is|are|was|were)(?: there)?) )?(?P<what>(?!(?:more|less|like|some|something|anything|not|no|what|how|why|which)\b)[a-z][^?]*?) (?:at|in|for|with|on|of) {_ITEM}\s*(?P<mark>\?*)[\s.!]*"
)
_IT = re.compile(
    rf"{ASIDE}(?:(?:(?:does|has) (?P<item>it|this|that)\b(?! (?:have to|need to|matter))|(?:is|was) (?P<one>it|this|that)\b(?=.*\?)(?! (?:all|possible)\b)))"
)
_USES = r"(?:freeze|reheat|cook|bake|eat|drink|store|wash|iron|dry|clean|wear|plant|grow|prune|ride|drive|tow|park|charge|fold|mount|hang|stack|extend|borrow|rent|hire|bring|book)"
_CAN = re.compile(
    rf"{ASIDE}can (?:i|we|one) (?:still |also |even |just |actually )?(?P<doing>{_USES}) {_ITEM}(?: (?P<how>[a-z]+(?: [a-z]+){{0,3}}))??\s*\?[\s.!?]*"
)
_WHETHER = re.compile(
    rf"{ASIDE}(?:is|are|does|do(?= (?:they|both|numbers?|the)\b)|has|was|were|can (?:i|we|you|one) {_USE}|can) (?=\S)"
)
_PARTED = re.compile(r"\s*[,;:?.!\u2013]+\s+|\s+(?=(?:and|but|plus)\s)")
_JOINING = re.compile(r"(?:(?:and|but|plus|also|then|what about|how about)\b[ ,]*)*")
_OPENS = re.compile(
    r"(?:how|what|whats|what's|who|who's|when|is|are|was|were|does|do|did|can|has|have|the|its|their)\b"
)
_THEM = re.compile(r"(?:it|this|that|they|them|these|those|both(?: of them)?|each(?: of them)?|(?:this|that) one)\b")
_OWN = re.compile(r"^(?:its|their)\b")
_LISTED = re.compile(r",? and (?:the )?|, (?:the )?")
_OF_NO_ITEM = re.compile(r"\s*(?:all|possible|ok(?:ay)?|you|me|i|we|time|because|just)\b")  # "is that all?"
MOST = 200
"""Characters of a question."""
_MOST_WORDS = 12  # of what points to an item
_SEVERAL = 3  # items that a question of yes or no can be about


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about items.

    Attributes:
        what: What is asked of them: "price", "good for kids"; empty for all that is known.
        whether: It is to be answered with yes or no.
        pointed: The items.
        also: What the message asks beside it.
        compared: The items are to be told apart, by what is asked of them.
    """

    what: str
    whether: bool
    pointed: Pointed
    also: tuple[Question, ...] = ()
    compared: bool = False

    @property
    def items(self) -> tuple[str, ...]:
        """All items that the message asks about."""
        return tuple(dict.fromkeys(i for one in (self, *self.also) for i in one.pointed.items))


def find_question(text: Remainder, references: References) -> Question | None:
    """What a whole message asks about items; None if it asks nothing."""
    if len(text.said) > MOST:
        return None
    return _fact(text, references) or _several(text, references) or _yes_or_no(text, references)


def _several(text: Remainder, references: References) -> Question | None:
    """The questions of a message that asks more than one, each by itself or of the items of another; None if a part asks nothing."""
    pieces = _pieces(text, references)
    if len(pieces) == 1:
        return None
    rows = [whole_row(piece, references) for piece in pieces]
    alone = [one and one.pointed for one in (_fact(p, references) or _yes_or_no(p, references) for p in pieces)]
    about = next((row for row in (*rows[:1], *alone) if row is not None and row.items), None)
    if about is None:  # "how long is it and is it vegan?", and nobody can tell which
        first = alone[0]
        return Question("", whether=False, pointed=first) if first is not None and first.unclear else None
    asked: list[Question] = []
    for piece, row in zip(pieces, rows, strict=True):
        if row is not None and row.by_place and row.items:  # "number 1: is it vegan?", "... and number 2?"
            asked += [replace(asked[-1], pointed=row)] if asked else []
            about = row
            continue
        one = _of_them(piece, about, references)
        if one is None:
            return None
        about = one.pointed if one.pointed.items else about
        asked += [replace(one, also=()), *one.also]
    return replace(asked[0], also=tuple(asked[1:])) if asked else None


def _pieces(text: Remainder, references: References) -> list[Remainder]:
    """A message parted where another question may begin: "gluten free", of "is it vegan and gluten free", is none."""
    pieces: list[Remainder] = []
    start = begin = 0
    for end, after in [*(found.span() for found in _PARTED.finditer(text.low)), (len(text.low),) * 2]:
        said = text.low[start:end]
        joining = _JOINING.match(said)
        opening = start + (joining.end() if joining else 0)
        piece = Remainder(text.said[opening:end].strip(" ?.!,"))
        closed = start and "?" in text.low[:start].rstrip()[-1:]
        if not pieces or _OPENS.match(piece.low) or (closed and whole_row(piece, references)):
            pieces.append(piece)
            begin = opening
        else:
            pieces[-1] = Remainder(text.said[begin:end].strip(" ?.!,"))
        start = after
    return pieces


def _of_them(piece: Remainder, about: Pointed, references: References) -> Question | None:
    """A question of items that are known from another: it may say "it" of them, or nothing: "how many calories"."""
    said = _OWN.sub("the", piece.low)
    ends = ("at it",) if _WHETHER.match(said) else ("is it", "it", "of it")
    forms = (piece.said, *(f"{said} {end}" for end in ends))
    for form in forms:
        text = Remainder(form)
        if one := _fact(text, references, about) or _yes_or_no(text, references, about):
            return one
    return None


def _fact(text: Remainder, references: References, about: Pointed | None = None) -> Question | None:
    """A question that is answered with what an item has."""
    for pattern in _ABOUT_WHAT:
        if (found := pattern.fullmatch(text.low)) and (row := _row(text, found.span("item"), references, about)):
            doing = found.groupdict().get("doing")
            if doing and found["item"].isdigit():
                continue  # "which cars have 7 seats?"
            parts = [f"{found['what']} {doing}"] if doing else _LISTED.split(found["what"])
            first, *others = (Question(what, whether=False, pointed=row) for what in parts)
            return replace(first, also=tuple(others))
    if found := _ABOUT_ALL.fullmatch(text.low):
        row = _row(text, found.span("item" if found["item"] else "what"), references, about)
        if row is not None:
            return Question("", whether=False, pointed=row)
    if found := _SHOWN.fullmatch(text.low):
        row = _row(text, found.span("item"), references, about)
        # "show me 2" asks for two
        if row and row.by_place and (found["again"] or not (found["item"].isdigit() or len(row.items) > 1)):
            return Question("", whether=False, pointed=row)
    return None


def _yes_or_no(text: Remainder, references: References, about: Pointed | None = None) -> Question | None:
    start = _WHETHER.match(text.low)
    asked = None if start is None else _whether(text, start.end(), references, about)
    if asked is None and (found := _CAN.fullmatch(text.low)):
        row = _row(text, found.span("item"), references, about)
        if row is not None:
            return Question(f"{found['doing']} {found['how'] or ''}".strip(), whether=True, pointed=row)
    if asked is None and (found := _AT.fullmatch(text.low)) and (found["is"] or found["mark"]):
        row = _row(text, found.span("item"), references, about)
        if row is not None and (row.by_place or row.unclear) and not found["item"].isdigit():  # "is there one for 2?"
            return Question(text.said[slice(*found.span("what"))], whether=True, pointed=row)
    return asked


def whole_row(text: Remainder, references: References) -> Pointed | None:
    """What a message points to, if all of it does."""
    return _row(text, (0, len(text.said)), references)


def _whether(text: Remainder, start: int, references: References, about: Pointed | None) -> Question | None:
    ends = [start + m.start() for m in re.finditer(r"\s+\S", text.low[start:])][:_MOST_WORDS]
    for end in reversed(ends):
        row = _row(text, (start, end), references, about)
        if row is not None and not row.unclear and len(row.items) <= _SEVERAL and not _OF_NO_ITEM.match(text.low, end):
            return Question(text.said[end:].strip(" .!?"), whether=True, pointed=row)
    if found := _IT.match(text.low):  # "it", and nobody can tell which
        span = found.span("item" if found["item"] else "one")
        row = _row(text, span, references)
        if row is None and not references.count():  # of no list at all
            row = Pointed((), span[1], (), by_place=True, unclear=True)
        return Question("", whether=True, pointed=row) if row is not None and row.unclear else None
    return None


def _row(
    text: Remainder, span: tuple[int, int], references: References, about: Pointed | None = None
) -> Pointed | None:
    """What a stretch points to, if all of it does; ``about`` is what "it" means."""
    start, end = span
    if about is not None and _THEM.fullmatch(text.low, start, end):
        return about
    row = references.row(Remainder(text.said[:end]), start)
    return row if row.end == end and (row.items or row.beyond or row.unclear) else None
