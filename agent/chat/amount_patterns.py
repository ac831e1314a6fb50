"""How people write a number that bounds something: "under 20 euros", "between 2 and 4", "at most 150 a night", "60+"."""

from __future__ import annotations

import re

from agent.chat.numerals import NUMBER

_SIGN = r"[$\u20ac\u00a3\u00a5\u20b9]"
_N = rf"(?<![\w.,])(?P<sign{{0}}>{_SIGN}\s?)?(?P<n{{0}}>{NUMBER})(?P<mark{{0}}>\s?(?:{_SIGN}|%)| per ?cent\b)?"
_ONE, _LOW, _HIGH = _N.format(""), _N.format("1"), _N.format("2")
_PER = r"(?: ?(?:/|\ba\b|\ban\b|\bper\b|\beach\b|\bevery\b) ?(?P<per>night|day|week|month|person|head|piece|bottle|stay|room)\b)?"
_NO_UNIT = "a|an|per|each|every|under|over|above|below|less|more|fewer|between|and|or|but|for|at|up|to|with|without|in|from|please"
_UNIT = rf"(?:(?:[ -]?| in (?:the )?)(?!(?:{_NO_UNIT})\b)(?P<unit>[a-z]+)(?![\w']))?"
UNDER = "under|below|less than|cheaper than|lower than"
_MORE_OF = "wider|taller|deeper|larger|bigger|heavier|thicker|broader|faster|stronger|farther|further"
_LESS_OF = "narrower|smaller|lighter|thinner|shallower|slower|weaker|closer|nearer"
_AT_MOST = rf"(?:{_LESS_OF}) than|(?:no|not) (?:{_MORE_OF}) than|{UNDER}|fewer than|shorter than|at (?:the )?most|up to|(?:no|not) (?:more(?: expensive)?|longer|higher|dearer) than|max(?:imum)?(?: of)?|within|budget(?: is| of|:)?"
OVER = "over|above|more than|longer than|higher than|better than|dearer than|more expensive than"
_AT_LEAST = rf"(?:{_MORE_OF}) than|(?:no|not) (?:{_LESS_OF}) than|{OVER}|at (?:the )?least|(?:no|not) (?:less|fewer|shorter|lower|cheaper) than|min(?:imum)?(?: of)?"
RANGE = re.compile(rf"(?P<between>\bbetween |\bfrom )?{_LOW}\s*(?P<way>-|\u2013|to|and|or)\s*{_HIGH}{_UNIT}{_PER}")
BOUND = re.compile(
    rf"\b(?:(?P<most>{_AT_MOST})|(?P<least>{_AT_LEAST}))\s+(?:a (?:price|total) of |(?P<of>(?:width|height|depth|length|weight|price|size|duration|mileage|speed)) (?:of )?)?{_ONE}{_UNIT}{_PER}"
)
OPEN = re.compile(
    rf"{_ONE}{_UNIT}\s*(?:(?P<least>\+|(?:and|or) (?:more|longer|up|over|above|older|higher|better))|(?P<most>or (?:less|fewer|shorter|under|below|lower|cheaper)|max(?:imum)?|tops|at (?:the )?most))(?![\w'])"
)
PLUS = re.compile(rf"{_ONE}(?P<least>\+){_UNIT}(?P<most>)")
BARE = re.compile(
    rf"(?:\b(?P<about>about|around|roughly|approximately|circa|nearly)\s+)?{_ONE}{_UNIT}{_PER}(?! (?:ago|old)\b)"
)
_MONEY = r"(?=\s*(?:$|[^\w\s%+\u2013-]|(?:dollars?|euros?|pounds?|bucks?|quid|usd|eur|gbp|on|for|in|per|each|a|at|and|please|total|altogether|max|but|if|or so|with|from)\b)(?!\s*(?:and|or) (?:more|up|over|\d)))"
SPENDING = re.compile(
    rf"(?<!mind )(?:\bnot|n't|\bnever|\bno need to)(?! (?:mind|care|afraid))\b[^.,;!?]{{0,30}}?\b(?:spend|pay)(?:ing)? (?:(?:any|much) )?(?P<way>more than|over|above|beyond) {_ONE}{_MONEY}"
    rf"|(?:\bcan't|\bcannot|\bcan not|\bcouldn't) afford (?:more than )?{_N.format('3')}{_MONEY}"
    rf"|(?<!n't )(?<!not )\b(?:spend|pay|afford)(?: (?:up to|max(?:imum)?|at most))? {_N.format('2')}{_MONEY}"
)
BUDGET = re.compile(r"\b(in|have|has|got|spend|pay|only|budget(?: is| of|:)?|for)\s+$")
_SAYING = ("budget", "max", "tops", "limit", "total", "please", "and", "or", "for", "in", "with", "without", "but", "to", "spend", "from", "by", "that", "which", "if", "is", "at", "on", "only")  # fmt: skip
ATTRIBUTE = re.compile(rf"[ -](?!(?:{'|'.join(_SAYING)})\b)[a-z]")
