"""Towers as one inner product: the sum they stand for, what an index makes of it, and personas of them."""

import faiss
import numpy as np
import pytest
from pydantic import ValidationError
from scipy import sparse

from eval.retrieve_fitting import Fitting
from eval.retrieve_setting import Trainable
from retrieval.baselines.ials import Ials, IalsConfig
from retrieval.baselines.linear import TUNED, LinearAutoencoder
from retrieval.baselines.protocol import silent
from retrieval.baselines.recvae import RecVaeConfig, fit_recvae
from retrieval.personas.encoder import EncoderConfig
from retrieval.personas.tower_training import TowerPersonasConfig, fit_towers, join
from retrieval.personas.towers import IalsTower, Joined, LinearTower, TowerEncoder, VaeTower
from retrieval.personas.whole import PersonaScorer
from retrieval.recency import fading
from retrieval.schema import Histories

ITEMS = 30
pytestmark = pytest.mark.usefixtures("one_thread")


class Biased(LinearTower):
    """With biases, as a decoder has them."""

    bias = np.linspace(-2, 2, ITEMS).astype(np.float32)


def tower(seed, width, kind=LinearTower, scale=1.0):
    draw = np.random.default_rng(seed)
    items, history = (draw.normal(size=(ITEMS, width)).astype(np.float32) for _ in range(2))
    return kind(scale * items, history)


def asked():
    return Histories.of([[1, 4, 9], [0, 29], [7, 8, 10, 11, 3]], [[1, 1, 2], [1, 1], [1, 1, 1, 1, 1]])


def alone(one, histories):
    return one.users(histories) @ one.items.T + one.bias


def standard(scores):
    return (scores - scores.mean(axis=1, keepdims=True)) / scores.std(axis=1, ddof=1, keepdims=True)


def test_the_joined_vectors_score_the_weighted_sum_of_what_each_says_on_one_scale():
    towers, weights = [tower(0, 4), tower(1, 7, Biased), tower(2, 3)], [1.0, 0.5, 2.0]
    joined = Joined(towers, weights)
    each = [alone(one, asked()) for one in towers]
    expected = sum(w * standard(s) for w, s in zip(weights, each, strict=True))
    assert joined.items.shape == (ITEMS, 4 + 7 + 3 + 3)
    np.testing.assert_allclose(joined.users(asked()) @ joined.items.T, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scale", [1e-8, 100.0])
def test_what_a_point_of_a_score_is_worth_does_not_matter(scale):
    plain, scaled = (Joined([tower(0, 4), tower(1, 5, scale=s)], [1.0, 1.0]) for s in (1.0, scale))
    scores = [one.users(asked()) @ one.items.T for one in (plain, scaled)]
    np.testing.assert_allclose(*scores, rtol=1e-4, atol=1e-4)


def test_a_tower_that_says_nothing_of_somebody_leaves_the_others_alone():
    joined = Joined([tower(0, 4), tower(1, 5, Biased)], [1.0, 1.0])
    nobody = Histories.of([[]])
    scores = joined.users(nobody) @ joined.items.T
    np.testing.assert_allclose(scores[0], standard(Biased.bias[None])[0], rtol=1e-4, atol=1e-5)
    assert not Joined([tower(0, 4)], [1.0]).users(nobody).any()


def personas(heads, share):
    draw = np.random.default_rng(5)
    themes, prototypes = (
        rows / np.linalg.norm(rows, axis=1, keepdims=True)
        for rows in (draw.normal(size=(n, 6)).astype(np.float32) for n in (ITEMS, heads))
    )
    joined = Joined([tower(0, 4), tower(1, 7, Biased)], [1.0, 0.5])
    return TowerEncoder(EncoderConfig(personas=heads, persona_share=share), joined, themes, prototypes), joined


def test_a_persona_is_the_whole_user_and_its_own_part_of_the_history():
    encoder, joined = personas(3, 0.25)
    made = encoder.encode(asked())
    first = asked().row(0)
    whole = joined.users(asked())[0]
    for k in range(3):
        part = joined.users(Histories.of([first], [np.float32([1, 1, 2]) * made.membership[:3, k]]))[0]
        np.testing.assert_allclose(made.vectors[0, k], 0.75 * whole + 0.25 * part, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("heads", "share"), [(1, 0.25), (3, 0.0)])
def test_one_persona_or_nothing_of_its_own_is_one_vector(heads, share):
    encoder, joined = personas(heads, share)
    expected = joined.users(asked()) @ joined.items.T
    np.testing.assert_allclose(PersonaScorer(encoder).scores(asked()), expected, rtol=1e-4, atol=1e-4)


def test_towers_are_plain_as_they_are():
    encoder, _ = personas(3, 0.25)
    np.testing.assert_array_equal(PersonaScorer(encoder.plain).scores(asked()), PersonaScorer(encoder).scores(asked()))


def test_an_index_over_the_joined_vectors_finds_the_same_list():
    encoder, joined = personas(1, 0.0)
    index = faiss.IndexFlatIP(joined.items.shape[1])
    index.add(joined.items)
    _, found = index.search(encoder.encode(asked()).vectors[:, 0], 10)
    np.testing.assert_array_equal(found, np.argsort(-PersonaScorer(encoder).scores(asked()), axis=1)[:, :10])


def liked(users=60, seed=0):
    return sparse.csr_matrix((np.random.default_rng(seed).random((users, ITEMS)) < 0.25).astype(np.float32))


SMALL = TowerPersonasConfig(
    dimension=8, ials=IalsConfig(dimension=5, epochs=2), recvaes=2, seed=3, ridge=20.0,
    recvae=RecVaeConfig(hidden=12, latent=4, epochs=2, batch=20, judge_every=1),
    encoder=EncoderConfig(personas=1), ials_weight=0.5, recvae_weight=3.0,
)  # fmt: skip


SHAPE = EncoderConfig(personas=3, theme_dimension=6, persona_share=0.3)
CHANGED = {
    "ridge", "dimension", "ials", "recvae", "recvaes", "seed", "ials_weight", "recvae_weight", "category_share", "encoder",
}  # fmt: skip


def test_a_tower_scores_as_its_model_does():
    x = liked()
    vae, ials = fit_recvae(x, SMALL.recvae), Ials(x, SMALL.ials)
    vae.model.decoder.bias.data += 1.0
    for made, model in ((VaeTower(vae), vae), (IalsTower(ials), ials)):
        np.testing.assert_allclose(alone(made, asked()), model.scores(asked()), rtol=1e-4, atol=1e-5)
    assert np.abs(VaeTower(vae).bias).min() > 0.5
    whole = fit_towers(x, SMALL.model_copy(update={"dimension": 100, "recvaes": 0})).linear  # all that the data have
    expected = LinearAutoencoder.of(x, TUNED.model_copy(update={"ridge": 20.0})).scores(asked())
    found = alone(whole, asked())
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.999


def test_what_is_trained_and_joined():
    x, judged, told = liked(), [], []
    towers = fit_towers(
        x, SMALL, judge=lambda scorer: judged.append(scorer) or 0.0, progress=lambda stage, *_: told.append(stage)
    )
    assert len(judged) == 4 and {"closed form", "iALS"} < set(told) and any("RecVAE 2 of 2" in stage for stage in told)
    first, second = towers.recvaes
    assert not np.allclose(first.items, second.items)  # another seed
    np.testing.assert_array_equal(towers.ials.items, Ials(x, SMALL.ials.model_copy(update={"seed": 3})).items)
    again = fit_towers(x, SMALL.model_copy(update={"seed": 4}))
    assert not np.allclose(again.ials.items, towers.ials.items) and not np.allclose(again.recvaes[0].items, first.items)
    scores = PersonaScorer(join(towers, SMALL, x, None)).scores(asked())
    parts = [standard(alone(one, asked())) for one in (towers.linear, towers.ials, first, second)]
    expected = parts[0] + 0.5 * parts[1] + 1.5 * parts[2] + 1.5 * parts[3]
    np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-3)


def test_settings_of_reading_share_a_training(monkeypatch):
    x, trained = liked(), []
    monkeypatch.setattr(
        "eval.retrieve_fitting.fit_towers", lambda *a, **k: trained.append(k["judge"]) or fit_towers(*a, **k)
    )
    categories = sparse.csr_matrix(np.eye(3, dtype=np.float32)[np.arange(ITEMS) % 3])
    grounds = [Trainable(x, one, lambda _: 0.0, silent) for one in (categories, None)]
    shape = EncoderConfig(personas=3, theme_dimension=6, persona_share=0.1)
    one = SMALL.model_copy(update={"encoder": shape})
    other = SMALL.model_copy(update={"encoder": shape.model_copy(update={"persona_share": 0.9})})
    fitting = Fitting(grounds[0])
    a, b = fitting(one).scores(asked()), fitting(other).scores(asked())
    took = fitting.seconds
    assert len(trained) == 1 and trained[0] is grounds[0].judge and took > 0 and not np.allclose(a, b)
    assert not np.allclose(Fitting(grounds[1])(one).scores(asked()), a, atol=1e-3)  # themes without categories
    assert len(trained) == 2


def test_recent_likes_are_read_first_by_every_tower():
    encoder, joined = personas(1, 0.0)
    recent = TowerEncoder(
        encoder.config.model_copy(update={"recency": 1.0}), joined, encoder.weights.themes, encoder.weights.prototypes
    )
    plain = Histories.of([[1, 4, 9]])
    found, faded = recent.encode(plain).vectors[0, 0], joined.users(fading(plain, 1.0))[0]
    np.testing.assert_allclose(found, faded, rtol=1e-4, atol=1e-4)
    assert not np.allclose(found, joined.users(plain)[0], atol=1e-2)
    assert encoder.known.all()


def test_one_dimension_too_few_for_any_is_no_error():
    flat = LinearTower(np.zeros((ITEMS, 0), np.float32), np.zeros((ITEMS, 0), np.float32))
    assert Joined([flat], [1.0]).users(asked()).shape == (3, 1)


@pytest.mark.parametrize(
    "values", [{"recvae": {"seed": 7}}, {"ials": {"seed": 7}}, {"encoder": {"dimension": 600}}], ids=str
)
def test_settings_that_nothing_would_read_are_refused(values):
    with pytest.raises(ValidationError, match=r"seed|dimension"):
        TowerPersonasConfig.model_validate(values)


def test_memberships_that_vanish_leave_numbers():
    x = liked()
    towers = fit_towers(x, SMALL)
    hard = SMALL.model_copy(update={"encoder": EncoderConfig(personas=3, theme_dimension=6, sharpness=200.0)})
    assert np.isfinite(PersonaScorer(join(towers, hard, x, None)).scores(asked())).all()


@pytest.mark.parametrize(
    "change",
    [
        {"ridge": 200.0}, {"dimension": 3}, {"ials": SMALL.ials.model_copy(update={"epochs": 1})},
        {"recvae": SMALL.recvae.model_copy(update={"latent": 3})}, {"recvaes": 1}, {"seed": 4}, {"ials_weight": 2.0},
        {"recvae_weight": 1.0}, {"category_share": 0.0}, {"encoder": SHAPE.model_copy(update={"persona_share": 0.9})},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_every_setting_changes_what_is_scored(change):
    x = liked()
    categories = sparse.csr_matrix(np.eye(3, dtype=np.float32)[np.arange(ITEMS) % 3])

    def scores(config):
        return PersonaScorer(join(fit_towers(x, config), config, x, categories)).scores(asked())

    base = SMALL.model_copy(update={"encoder": SHAPE})
    assert set(TowerPersonasConfig.model_fields) == CHANGED
    assert not np.allclose(scores(base.model_copy(update=change)), scores(base), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("shape", "said"), [({"dimension": 7}, "leave dimension out"), ({"prior_fade": 7.0}, "leave prior_fade out")]
)
def test_settings_that_towers_do_not_read_are_refused(shape, said):
    with pytest.raises(ValueError, match=said):
        TowerPersonasConfig(encoder=EncoderConfig(**shape))
