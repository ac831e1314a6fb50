import json
from dataclasses import replace

import numpy as np
import pytest

from agent.llm.endpoint import Endpoint
from agent.recommender import Recommender, RecommenderConfig
from retrieval.errors import ConfigError, NotFoundError
from tests.agent.faults import faulty_server

FIVE = ["Alien (1979)", "Aliens (1986)", "Toy Story (1995)", "Monsters, Inc. (2001)", "Titanic (1997)"]


@pytest.fixture(scope="module")
def recommender(model):
    return Recommender(model)


def test_slate_tells_its_whole_story(recommender):
    slate = json.loads(recommender.recommend(user="1").model_dump_json())
    for key in (
        "ranker_used", "degraded_reason", "model", "prompt_hash", "label_mass", "tokens", "latency_ms",
        "target", "achieved", "kl", "personas", "items",
    ):  # fmt: skip
        assert key in slate
    assert slate["degraded_reason"] == "llm_off"
    assert sum(slate["target"].values()) == pytest.approx(1, abs=0.01)
    assert sum(slate["achieved"].values()) == pytest.approx(1, abs=0.01)
    numbers = {p["number"] for p in slate["personas"]}
    for item in slate["items"]:
        assert item["persona"] in numbers
        assert item["reason"].endswith(item["evidence"])


def test_what_is_asked_to_be_like_a_title_is_like_it_and_not_like_the_mean_user(model):
    assert model.encoder.weights.prior.any()
    without = replace(model, encoder=model.encoder.plain)
    for request in ("something like Blade Runner", "something like Spirited Away (2001)"):
        found, expected = (Recommender(m).recommend(request).items for m in (model, without))
        assert [item.item_id for item in found] == [item.item_id for item in expected]
    one = [Recommender(m).recommend(like=["Spirited Away"]).items for m in (model, without)]
    assert [i.item_id for i in one[0]] != [i.item_id for i in one[1]]  # of a like the mean user is told


def test_known_items_never_come_back(recommender, model):
    seen = {model.catalog.item_ids[i] for i in model.history_of("1")}
    assert not seen & {i.item_id for i in recommender.recommend(user="1", k=50).items}
    named = recommender.recommend(like=FIVE)
    assert not set(FIVE) & {i.title for i in named.items}


def test_request_conditions_hold(recommender):
    slate = recommender.recommend("8 comedies from the 90s, no romance", user="1")
    assert len(slate.items) == 8
    for item in slate.items:
        assert "Comedy" in item.categories
        assert "Romance" not in item.categories
        assert item.year is not None
        assert 1990 <= item.year <= 1999
    assert "Romance" not in slate.target


def test_every_side_of_five_titles_is_in_the_list(recommender, model):
    slate = recommender.recommend(like=FIVE)
    assert len(slate.personas) == 3
    held = {name for i in slate.items for name in i.categories}
    assert {"Sci-Fi", "Animation", "Romance"} <= held
    by_taste = Recommender(model, config=RecommenderConfig(axis="personas")).recommend(like=FIVE)
    assert by_taste.kl < 0.05
    assert sum(share > 0.1 for share in by_taste.achieved.values()) == 3


def test_calibration_lowers_the_error(model):
    errors = []
    for lam in (0.0, 0.9):
        config = RecommenderConfig.model_validate({"calibrated": {"lam": lam}})
        asked = Recommender(model, config=config)
        errors.append(np.mean([asked.recommend(user=str(u)).kl for u in range(1, 30)]))
    assert errors[1] < errors[0] / 3


def test_personas_as_the_axis(model):
    slate = Recommender(model, config=RecommenderConfig(axis="personas")).recommend(user="1")
    assert slate.axis == "personas"
    assert all(label.startswith(("taste", "(other")) for label in slate.target)
    assert sum(slate.target.values()) == pytest.approx(1, abs=0.01)


def test_cold_start_is_labelled(recommender):
    slate = recommender.recommend()
    assert slate.cold_start
    assert slate.personas == []
    assert len(slate.items) == 10
    assert all(i.reason.startswith("popular") for i in slate.items)
    horror = recommender.recommend("horror of the 80s")
    assert horror.cold_start
    assert all("Horror" in i.categories for i in horror.items)


def test_impossible_request_gives_an_empty_slate(recommender):
    slate = recommender.recommend(
        "westerns from 2017 to 2018, no drama, no action, no comedy, no horror, no thriller", user="1"
    )
    assert len(slate.items) == slate.understood["matching_items"] < 10
    nothing = recommender.recommend("westerns before 1900", user="1")
    assert nothing.items == []
    assert nothing.kl is None
    assert nothing.understood["matching_items"] == 0


def test_errors_name_what_is_wrong(recommender):
    with pytest.raises(NotFoundError, match="Godfathr") as caught:
        recommender.recommend(like=["The Godfathr"])
    assert "Godfather, The (1972)" in caught.value.suggestions
    with pytest.raises(NotFoundError, match="user 'nobody'"):
        recommender.recommend(user="nobody")
    for bad in ({"k": 0}, {"k": 101}, {"deadline_ms": 0}):
        with pytest.raises(ConfigError, match=next(iter(bad))):
            recommender.recommend(user="1", **bad)
    with pytest.raises(NotFoundError, match="no column 'mood'"):
        Recommender(recommender.model, config=RecommenderConfig(axis="mood"))


def test_item_ids_work_as_likes(recommender, model):
    item = model.catalog.item_ids[recommender.resolve("Alien")]
    assert recommender.recommend(like=[item]).items == recommender.recommend(like=["Alien"]).items


def test_nothing_a_user_has_touched_comes_back(model, dataset):
    recommender = Recommender(model)
    rows = dataset.interactions
    for position in range(5):
        touched = {model.catalog.item_ids[i] for i in rows.items[rows.users == position]}
        slate = recommender.recommend(user=rows.user_ids[position], k=30)
        assert not touched & {item.item_id for item in slate.items}


def test_any_event_loop_will_do(model):
    import asyncio

    recommender = Recommender(model)
    slates = [asyncio.run(recommender.arecommend(user="1")) for _ in range(2)]
    assert slates[0].items == slates[1].items == recommender.recommend(user="1").items


def test_pool_is_never_smaller_than_the_slate(model):
    slate = Recommender(model, config=RecommenderConfig(candidates=5)).recommend(user="1", k=12)
    assert len(slate.items) == 12


def test_more_places_than_labels_are_filled(model):
    """The model is shown as many as it can tell apart; the rest keep their retrieval scores."""
    with faulty_server("ok") as (url, payloads):
        slate = Recommender(model, Endpoint(url=url, model="m")).recommend("like Alien", user="1", k=60)
    assert (len(slate.items), slate.ranker_used) == (60, "llm")
    assert len(payloads[0]["logprob_token_ids"]) == 52


def test_without_weight_the_model_changes_nothing(model):
    """What a slate owes to the model is the model's alone, not that of a shorter list of candidates."""
    config = RecommenderConfig.model_validate({"llm": {"weight": 0.0}})
    with faulty_server("ok") as (url, _):
        asked = Recommender(model, Endpoint(url=url, model="m"), config)
        for user in ("1", "2", "3", "20", "50", "100"):
            slate, plain = asked.recommend(user=user), Recommender(model).recommend(user=user)
            assert slate.ranker_used == "llm"
            assert [i.item_id for i in slate.items] == [i.item_id for i in plain.items]
            assert slate.kl == plain.kl


def test_callers_in_a_hurry_do_not_open_the_circuit(model):
    recommender = Recommender(model, Endpoint(url="http://127.0.0.1:9", model="none"))
    reasons = [recommender.recommend("like Alien", user="1", deadline_ms=1).degraded_reason for _ in range(4)]
    assert reasons == ["llm_no_time"] * 4
    assert recommender.recommend("like Alien", user="1", deadline_ms=3000).degraded_reason == "llm_unreachable"


def test_likes_that_nobody_shares_are_a_cold_start(recommender, model):
    unknown = int(np.flatnonzero(model.catalog.counts == 0)[0])
    slate = recommender.recommend(like=[model.catalog.item_ids[unknown]])
    assert slate.cold_start
    assert slate.personas == []
    assert model.catalog.item_ids[unknown] not in {i.item_id for i in slate.items}


def test_a_prompt_may_use_some_of_the_inputs_but_no_others(model, tmp_path):
    def prompt(inputs, body):
        path = tmp_path / f"{len(inputs)}.j2"
        front = f"---\nname: t\npurpose: p\noutput: label\ninputs: [{inputs}]\n---\n"
        path.write_text(f"{front}{{% block system %}}s{{% endblock %}}{{% block user %}}{body}{{% endblock %}}")
        return RecommenderConfig(prompt=str(path))

    assert Recommender(model, config=prompt("k", "{{ k }}")).recommend(user="1").items
    with pytest.raises(ConfigError, match="not there: mood"):
        Recommender(model, config=prompt("k, mood", "{{ k }}{{ mood }}"))


def test_every_pick_says_what_it_adds(model):
    mixed = Recommender(model).recommend(user="1")
    assert all(item.gain_relevance >= 0 and item.gain_calibration >= 0 for item in mixed.items)
    assert any(item.gain_calibration > item.gain_relevance for item in mixed.items)
    plain = RecommenderConfig.model_validate({"calibrated": {"lam": 0.0}})
    assert all(item.gain_calibration == 0 for item in Recommender(model, config=plain).recommend(user="1").items)


def test_what_an_unwanted_like_else_stands_for_stays(recommender):
    slate = recommender.recommend("no horror", like=["Alien", "Toy Story"])
    assert "Horror" not in slate.target
    assert slate.target["Sci-Fi"] > 0.1
    assert any("Sci-Fi" in item.categories for item in slate.items)
    assert not any("Horror" in item.categories for item in slate.items)


def test_the_fact_of_an_explanation_belongs_to_its_taste(recommender, model):
    """Each fact that is an item belongs to the taste it is given for."""
    slate = recommender.recommend(like=FIVE, k=10)
    from retrieval.schema import Histories

    mine = model.catalog.positions([model.catalog.item_ids[recommender.resolve(name)] for name in FIVE])
    personas = model.encoder.encode(Histories.of([mine]))
    belongs = dict(zip((model.catalog.titles[i] for i in mine), personas.membership.argmax(1), strict=True))
    of_taste = {}
    for item in slate.items:
        if item.evidence.startswith("close to your "):
            of_taste.setdefault(item.persona, set()).add(belongs[item.evidence.removeprefix("close to your ")])
            assert item.reason == f"taste {item.persona} ({item.persona_name}): {item.evidence}"
    assert all(len(owners) == 1 for owners in of_taste.values())
    assert len({o for owners in of_taste.values() for o in owners}) > 1


def test_what_a_user_disliked_is_seen_too(recommender, model, dataset):
    touched = {dataset.catalog.item_ids[i] for i in dataset.interactions.items[dataset.interactions.users == 0]}
    liked = {model.catalog.item_ids[i] for i in model.history_of(dataset.interactions.user_ids[0])}
    assert len(touched) > len(liked)
    assert {model.catalog.item_ids[i] for i in model.seen_by(dataset.interactions.user_ids[0])} | liked == touched
