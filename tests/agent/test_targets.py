import numpy as np
import pytest

from agent.recommender import Recommender, RecommenderConfig
from agent.rerank.targets import TargetConfig, targets, tempered
from retrieval.errors import ConfigError, NotFoundError
from retrieval.schema import Histories

EVERYONE = np.array([0.2, 0.3, 0.5])
GROUPS = np.eye(3, dtype=np.float32)[[0, 0, 0, 1]]
HISTORY = Histories.of([[5, 6, 7, 8]])


def test_plain_target_is_the_history(dataset):
    np.testing.assert_allclose(targets(HISTORY, GROUPS, EVERYONE), [[0.75, 0.25, 0]])


def test_exponent_by_hand():
    shares = np.array([[0.75, 0.25, 0.0], [0, 0, 0]])
    np.testing.assert_allclose(tempered(shares, 0.0), [[0.5, 0.5, 0], [0, 0, 0]])
    np.testing.assert_allclose(tempered(shares, 2.0), [[0.9, 0.1, 0], [0, 0, 0]])
    np.testing.assert_allclose(tempered(shares, np.inf), [[1, 0, 0], [0, 0, 0]])
    np.testing.assert_allclose(targets(HISTORY, GROUPS, EVERYONE, TargetConfig(gamma=2.0)), [[0.9, 0.1, 0]])


def test_prior_by_hand():
    np.testing.assert_allclose(targets(HISTORY, GROUPS, EVERYONE, TargetConfig(prior=0.5)), [[0.475, 0.275, 0.25]])
    empty = Histories.of([[]])
    np.testing.assert_allclose(targets(empty, GROUPS[:0], EVERYONE, TargetConfig(prior=0.5)), [EVERYONE])


def test_recency_by_hand():
    """Half-life of one like: the newest weighs 1, those before it 1/2, 1/4, 1/8."""
    got = targets(HISTORY, GROUPS, EVERYONE, TargetConfig(half_life=1.0))
    np.testing.assert_allclose(got, [[0.875 / 1.875, 1 / 1.875, 0]])
    both = targets(
        Histories.of([[5, 6, 7, 8], [1]]), np.concatenate([GROUPS, GROUPS[:1]]), EVERYONE, TargetConfig(half_life=1.0)
    )
    np.testing.assert_allclose(both, [got[0], [1, 0, 0]])


@pytest.mark.parametrize("change", [{"gamma": 0.0}, {"gamma": 4.0}, {"prior": 0.8}, {"half_life": 3.0}], ids=str)
def test_every_setting_changes_the_target_of_a_slate(model, change):
    plain = Recommender(model).recommend(user="1").target
    assert (
        Recommender(model, config=RecommenderConfig.model_validate({"target": change})).recommend(user="1").target
        != plain
    )


@pytest.mark.parametrize(
    ("axis", "label"),
    [
        ("decade", "1990s"),
        ("popularity", "head"),
        ("categories=.7,decade=.3", "decade: 1990s"),
        ("personas=1,categories=1", "categories: Drama"),
    ],
)
def test_slates_are_calibrated_along_any_axis(model, axis, label):
    slate = Recommender(model, config=RecommenderConfig(axis=axis)).recommend(user="1")
    assert label in slate.target
    assert sum(slate.target.values()) == pytest.approx(1, abs=0.01)
    relevant = RecommenderConfig.model_validate({"axis": axis, "calibrated": {"lam": 0.0}})
    assert slate.kl < Recommender(model, config=relevant).recommend(user="1").kl


def test_error_along_two_axes_is_the_weighted_error_along_each(model):
    lone = [RecommenderConfig(axis=a) for a in ("categories=.25,decade=.75", "categories", "decade")]
    slates = [Recommender(model, config=c).recommend(user="1") for c in lone]
    joined = slates[0]
    parts = []
    for name, config in (("categories", lone[1]), ("decade", lone[2])):
        own = Recommender(model, config=config)
        picked = own.recommend(user="1", include=[i.title for i in joined.items])
        parts.append((name, picked.kl))
    assert joined.kl == pytest.approx(0.25 * parts[0][1] + 0.75 * parts[1][1], abs=1e-4)


def test_axes_that_cannot_be_are_refused(model):
    with pytest.raises(NotFoundError, match="'colour'"):
        Recommender(model, config=RecommenderConfig(axis="colour"))
    with pytest.raises(ConfigError, match="no shares can be kept"):
        Recommender(model, config=RecommenderConfig(axis="title"))
    for text in ("categories=x", "decade,decade", "categories=-1", ""):
        with pytest.raises(ConfigError, match="cannot read"):
            Recommender(model, config=RecommenderConfig(axis=text))
