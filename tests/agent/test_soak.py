"""Many requests at once against a server that does something else with every one: each is answered with a valid list.

``POLYTASTE_SOAK=10000 pytest tests/agent/test_soak.py -s`` is the long run; what it took is printed, for no test asserts on time.
"""

import collections
import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from agent.llm.endpoint import Endpoint
from agent.recommender import Recommender, RecommenderConfig
from tests.agent.faults import MISBEHAVIOUR, faulty_server

REQUESTS = int(os.environ.get("POLYTASTE_SOAK", "200"))
DEADLINE_MS = 2000


@pytest.mark.timeout(7200)
def test_every_request_gets_a_valid_list(model, capsys):
    users = [model.user_ids[n % len(model.user_ids)] for n in range(REQUESTS)]
    settings = {
        "llm": {"weight": 0.3, "kept_answers": 0},
        "ladder": {"failures_to_open": 1000, "rest_s": 0.05},  # or most requests would never reach the server
    }
    outcomes, took = collections.Counter(), []
    with faulty_server("anything", patience=3.0) as (url, payloads):
        recommender = Recommender(model, Endpoint(url=url, model="m"), RecommenderConfig.model_validate(settings))
        recommender.recommend(user=users[0], deadline_ms=60_000)

        def ask(user):
            began = time.monotonic()
            slate = recommender.recommend("comedies", user=user, deadline_ms=DEADLINE_MS)
            took.append(time.monotonic() - began)
            return user, slate

        with ThreadPoolExecutor(8) as together:
            answered = list(together.map(ask, users))
    assert len(answered) == REQUESTS
    for user, slate in answered:
        ids = [item.item_id for item in slate.items]
        seen = set(model.seen_by(user).tolist())
        assert len(ids) == len(set(ids)) == 10
        assert not seen & set(model.catalog.positions(ids).tolist())
        assert all("Comedy" in item.categories for item in slate.items)
        assert (slate.ranker_used == "llm") == (slate.llm_weight is not None)
        assert slate.ranker_used == "llm" or slate.degraded_reason
        outcomes[slate.degraded_reason or "ranked by the model"] += 1
    assert outcomes["ranked by the model"]
    assert len(outcomes) > 5
    assert len(payloads) > REQUESTS // 10
    p50, p99 = np.percentile(took, [50, 99])
    with capsys.disabled():
        print(f"\n{REQUESTS:,} requests, {len(MISBEHAVIOUR)} kinds of answer: p50 {p50:.2f} s, p99 {p99:.2f} s of {DEADLINE_MS / 1000:.0f}; ", dict(outcomes))  # fmt: skip  # noqa: T201
