"""Several orders of the candidates: by hand, by invariants, and through a whole request."""

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.llm.endpoint import Endpoint
from agent.llm.failures import LLMFailure, Reason
from agent.llm.loop import run
from agent.llm.orders import agreement, in_orders, shifts_of
from agent.llm.scorer import LabelScores
from agent.recommender import Recommender, RecommenderConfig
from tests.agent.faults import faulty_server

SHOWN = np.array([7, 3, 9, 1], np.int32)


def liking(taste, place):
    """A model that likes items by ``taste`` and places by ``place``."""

    async def ask(order):
        return LabelScores(np.array([taste[i] + place[at] for at, i in enumerate(order)], np.float32), 0.9, 10, 1)

    return ask


@given(n=st.integers(1, 60), orders=st.integers(1, 4))
def test_shifts_are_distinct_places_and_begin_with_the_first(n, orders):
    shifts = shifts_of(n, orders)
    assert shifts[0] == 0
    assert len(set(shifts)) == len(shifts) == min(n, orders)
    assert max(shifts) < n


def test_a_model_that_likes_only_places_agrees_with_nobody():
    """With as many orders as candidates every item stands everywhere once, and nothing is left of the places."""
    opinion = run(in_orders(SHOWN, 4, liking(dict.fromkeys([7, 3, 9, 1], 0.0), [3.0, 2.0, 1.0, 0.0])))
    assert opinion.relevance.tolist() == [0, 0, 0, 0]
    assert opinion.agreement == 0.0


def test_a_model_that_likes_only_items_agrees_with_itself():
    taste = {7: -1.0, 3: -4.0, 9: -2.0, 1: -3.0}
    opinion = run(in_orders(SHOWN, 4, liking(taste, [0.0] * 4)))
    assert opinion.agreement == pytest.approx(1.0)
    assert np.argsort(-opinion.relevance).tolist() == [0, 2, 3, 1]
    assert (opinion.scores.prompt_tokens, opinion.scores.completion_tokens) == (40, 4)
    alone = run(in_orders(SHOWN, 1, liking(taste, [0.0] * 4)))
    assert alone.agreement is None
    np.testing.assert_allclose(alone.relevance, opinion.relevance, atol=1e-6)


def test_agreement_by_hand():
    """Rows (1, -1) and (1, -1): 2 (1 - 2 / 4) = 1; rows (1, -1, 0, 0) and (0, 0, 1, -1): 2 (1 - 1 / 1) = 0."""
    assert agreement(np.array([[1.0, -1.0], [1.0, -1.0]])) == 1.0
    assert agreement(np.array([[1.0, -1, 0, 0], [0, 0, 1, -1]])) == 0.0
    assert agreement(np.array([[1.0, -1.0], [-1.0, 1.0]])) == 0.0  # contrary: the sum has no variance
    # Correlation .5 of unit rows: the sum has variance 3, so 2 (1 - 2 / 3).
    rows = np.array([[1.0, -1, 0, 0], [1, 0, -1, 0]])
    assert agreement(rows) == pytest.approx(2 / 3)


def test_one_order_that_fails_gives_up_the_others():
    cancelled = []

    async def ask(order):
        if order[0] == SHOWN[0]:
            raise LLMFailure(Reason.HTTP_ERROR, "boom")
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.append(int(order[0]))
            raise

    with pytest.raises(LLMFailure, match="boom"):
        run(in_orders(SHOWN, 4, ask))
    assert sorted(cancelled) == [1, 3, 9]


def test_a_request_in_four_orders_sends_four_prompts_that_differ_only_in_the_candidates(model):
    config = RecommenderConfig.model_validate({"llm": {"orders": 4, "weight": 0.6}})
    with faulty_server("ok") as (url, payloads):
        slate = Recommender(model, Endpoint(url=url, model="m"), config).recommend("like Alien", user="1")
    texts = [p["messages"][1]["content"].split("Candidates:") for p in payloads]
    assert len(texts) == 4
    assert len({before for before, _ in texts}) == 1  # what the server reads once
    lists = [[line[3:] for line in after.splitlines() if line[1:3] == ". "] for _, after in texts]
    assert all(sorted(each) == sorted(lists[0]) for each in lists)
    assert {each.index(lists[0][0]) for each in lists} == {0, 5, 10, 15}
    assert slate.tokens.completion == 4
    # The server likes the first label best whatever stands there: four quarters of a ramp.
    assert slate.llm_weight == pytest.approx(0.6 * slate.llm_agreement, abs=1e-3)
    assert slate.llm_agreement < 0.5
