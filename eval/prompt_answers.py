"""What one prompt does for one user: the order of the model alone, and the slate that he would get.

The order of the model alone (of the candidates it was shown, retrieval and proportions having no say) shows what a prompt does; the
slate shows what a user has of it. Who the model fails is scored by what he would have received: the calibrated slate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.llm.failures import LLMFailure, TransportFailure
from agent.llm.loop import all_of
from agent.rerank.llm import LLMRung, fused
from agent.rerank.protocol import Slates
from eval.llm_fit import ndcg_of
from eval.llm_modes import only
from eval.prompt_bias import Bias, nothing_of, order_bias
from eval.prompt_cache import billed
from eval.prompt_people import Person
from eval.prompt_requests import with_prompt
from retrieval.arrays import Int32
from retrieval.errors import ServerError

METRICS = {
    "ndcg": "NDCG, model alone", "slate_ndcg": "NDCG, slate", "kl": "C_KL, model alone", "slate_kl": "C_KL, slate",
    "compliance": "compliance", "mass": "label mass", "valid": "valid", "read": "tokens read", "written": "written", "ms": "ms",
}  # fmt: skip
"""One value per user and prompt; compliance is 1 - half the sum over groups of |share in the model's first ten - share asked for|."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one prompt for one user.

    Attributes:
        values: Of :data:`METRICS`.
        listed: ``(k,)`` ids, the model alone, best first; -1 pads.
        bias: Of places.
        failed: Reason, empty if the model ranked.
    """

    values: dict[str, float]
    listed: Int32
    bias: Bias
    failed: str


async def together(
    rungs: Sequence[Sequence[LLMRung]], block: Sequence[Person], twice: Sequence[bool]
) -> list[list[Answer]]:
    """What prompts do for the users of a block, all at once, the prompts of a user one after another.

    Args:
        rungs: Prompts of each user.
        block: Users.
        twice: Who is asked about in a second order too.

    Raises:
        ServerError: The server is gone; a run does not go on without it.
    """

    async def one(mine: Sequence[LLMRung], person: Person, again: bool) -> list[Answer]:
        return [await answer_of(rung, person, twice=again) for rung in mine]

    try:
        return await all_of(one(*each) for each in zip(rungs, block, twice, strict=True))
    except TransportFailure as why:
        raise ServerError(
            f"the model cannot be reached: {why.detail}", "start the server and run again: answers are kept"
        ) from why


async def answer_of(rung: LLMRung, person: Person, *, twice: bool) -> Answer:
    """What a prompt does for a user; ``twice`` asks in a second order too, for the bias of places."""
    ask, truth = with_prompt(person.ask, rung.prompt), person.case.truth
    mine = nothing_of()
    with billed() as bill:
        try:
            shown, opinion = await rung.consult(ask)
        except TransportFailure:
            raise
        except LLMFailure as failure:
            slates = person.ask.listing(ask.pool, ask.k).slates
            alone, shown, failed = slates, None, str(failure.reason)
            mass, valid = (failure.scores.mass if failure.scores else float("nan")), 0.0
        else:
            sure = 1.0 if opinion.agreement is None else opinion.agreement
            weight = (rung.config.weight or 0.0) * sure
            slates = ask.listing(fused(ask.pool, shown, opinion.relevance, weight), ask.k).slates
            pool = fused(only(ask, shown).pool, shown, opinion.relevance, 1.0)
            alone, failed = ask.listing.uncalibrated()(pool, ask.k).slates, ""
            mass, valid = opinion.scores.mass, float(opinion.scores.completed == 0)
    if shown is not None and twice:
        mine = await order_bias(rung, ask, np.isin(person.items[shown], truth))
    ids, listed = person.items, alone.positions[0]
    apart = float(np.abs(alone.achieved[0] - ask.pool.target[0]).sum())
    values = {
        "ndcg": _ndcg(alone, ids, truth), "slate_ndcg": _ndcg(slates, ids, truth), "kl": float(alone.kl[0]), "slate_kl": float(slates.kl[0]),
        "compliance": 1.0 - apart / 2.0, "mass": mass, "valid": valid, "read": bill.read, "written": bill.written, "ms": bill.ms,
    }  # fmt: skip
    return Answer(values, np.where(listed >= 0, ids[np.maximum(listed, 0)], -1).astype(np.int32), mine, failed)


def calibrated(person: Person) -> tuple[float, float]:
    """NDCG and C_KL of the slate without a model."""
    slates = person.ask.listing(person.ask.pool, person.ask.k).slates
    return _ndcg(slates, person.items, person.case.truth), float(slates.kl[0])


def _ndcg(slates: Slates, items: Int32, truth: Int32) -> float:
    positions = slates.positions[0]
    return ndcg_of(items[positions[positions >= 0]], truth)
