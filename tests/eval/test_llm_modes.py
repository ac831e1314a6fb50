"""Which ways of asking are compared."""

import pytest

from eval.llm_modes import Study, chosen, variants
from eval.llm_modes_report import _speed
from eval.llm_speed import LISTWISE, NAMES, Speed, speeds
from retrieval.errors import ConfigError, DataError


def test_some_ways_of_asking_beside_the_baseline():
    plan = variants(40)
    assert chosen(plan, ()) == plan
    assert [v.name for v in chosen(plan, ("pointwise", "label"))] == ["retrieval order", "label", "pointwise"]
    with pytest.raises(ConfigError, match="'shout'"):
        chosen(plan, ("label", "shout"))


@pytest.fixture(scope="module")
def study(dataset, model):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eval.llm_fit.train", lambda *_, **__: model.encoder)  # training is not what is tested
        yield Study(dataset, 2, 6, 40, words=False, seed=0)
        with pytest.raises(DataError, match="2 to be measured and 9000 to be timed") as told:
            Study(dataset, 2, 9000, 40, words=False, seed=0)
        assert "--at-once" in told.value.remedy


def test_each_way_is_timed_on_users_of_its_own_at_each_number_at_once(study, monkeypatch):
    asked = []

    async def all_of(name, _scorer, work, at_once):
        asked.append((name, at_once, [tuple(ask.pool.relevance[0]) for ask, _ in work]))

    monkeypatch.setattr("eval.llm_speed._all", all_of)
    found = speeds(study, None, [1, 3], lambda: None)
    assert [(one.name, one.at_once, one.requests) for one in found] == [(n, t, 3) for t in (1, 3) for n in NAMES]
    few, many = ({name: users for name, at, users in asked if at == together} for together in (1, 3))
    assert all(set(few[name]).isdisjoint(many[name]) and len(set(few[name])) == 3 for name in NAMES)
    timed = [
        Speed("label", 1, 3, 1.5),
        Speed(LISTWISE, 1, 3, 6.0),
        Speed("label", 3, 3, 1.0),
        Speed(LISTWISE, 3, 3, 2.0),
    ]
    told = [_speed(one, timed) for one in timed]
    assert [one["label_is_faster"] for one in told] == [1.0, 4.0, 1.0, 2.0]
    assert told[1]["requests_per_second"] == 0.5
