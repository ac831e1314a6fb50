"""One suite over every retriever that scores whole catalogues."""

import numpy as np
import pytest
from scipy import sparse

from eval.metrics import hits, ndcg
from eval.persona_controls import kmeans_personas
from eval.quick import best_items
from eval.retrieve_models import MODELS
from eval.retrieve_personas import fit_personas
from eval.retrieve_recent import Recent
from retrieval.baselines.ials import Ials, IalsConfig, _positive
from retrieval.baselines.knn import ItemKnn, KnnConfig
from retrieval.baselines.large_linear import LargeLinearAutoencoder
from retrieval.baselines.linear import TUNED, LinearAutoencoder, LinearConfig
from retrieval.baselines.mixture import MixtureConfig, MixtureFoldIn
from retrieval.baselines.multvae import MultVaeConfig, fit_mult_vae
from retrieval.baselines.popularity import Popularity
from retrieval.baselines.protocol import fit_touched, silent
from retrieval.baselines.recvae import RecVaeConfig, fit_recvae
from retrieval.errors import DataError
from retrieval.personas.encoder import EncoderConfig
from retrieval.personas.tower_training import TowerPersonasConfig, fit_towers, join
from retrieval.personas.training import TrainingConfig
from retrieval.personas.whole import PersonaScorer
from retrieval.schema import Histories

GROUPS, PER_GROUP, UNTOUCHED = 5, 12, 3
ITEMS = GROUPS * PER_GROUP + UNTOUCHED

IALS = IalsConfig(dimension=8, epochs=5)
MULT_VAE = MultVaeConfig(hidden=32, latent=8, epochs=20, batch=20)
RECVAE = RecVaeConfig(hidden=32, latent=8, epochs=10, batch=20, learning_rate=5e-3)
PERSONAS = TrainingConfig(encoder=EncoderConfig(personas=2, dimension=16, theme_dimension=8), epochs=2, groups=2)


def _recent(config, **shape):
    return config.model_copy(update={"encoder": config.encoder.model_copy(update={"recency": 0.5, **shape})})


def _towers(x, personas):
    shape = EncoderConfig(personas=personas, theme_dimension=8, persona_share=0.1)
    config = TowerPersonasConfig(dimension=16, ials=IALS, recvae=RECVAE, recvaes=1, encoder=shape)
    return PersonaScorer(join(fit_towers(x, config), config, x, None))


FITS = {
    "popularity": lambda x: Popularity(np.asarray(x.sum(axis=0)).ravel().astype(np.int64)),
    "item-knn": lambda x: ItemKnn(x, KnnConfig(neighbours=10, shrinkage=5.0)),
    "ease": lambda x: LinearAutoencoder.of(x, LinearConfig(ridge=20.0)),
    "edlae": lambda x: LinearAutoencoder.of(x, LinearConfig(ridge=20.0, dropout=0.5)),
    "edlae-tuned": lambda x: LinearAutoencoder.of(x, TUNED),
    "ials": lambda x: Ials(x, IALS),
    "mult-vae": lambda x: fit_mult_vae(x, MULT_VAE),
    "recvae": lambda x: fit_recvae(x, RECVAE),
    "personas": lambda x: fit_personas(x, PERSONAS, None, silent),
    "personas-no-prior": lambda x: fit_personas(x, PERSONAS.model_copy(update={"prior_likes": 0.0}), None, silent),
    "personas-sampled": lambda x: fit_personas(x, PERSONAS.model_copy(update={"samples": 20}), None, silent),
    "one-vector": lambda x: fit_personas(
        x, PERSONAS.model_copy(update={"encoder": EncoderConfig(personas=1, dimension=16)}), None, silent
    ),
    "edlae-recent": lambda x: Recent(LinearAutoencoder.of(x, TUNED), 0.5),
    "personas-recent": lambda x: fit_personas(x, _recent(PERSONAS), None, silent),
    "one-vector-recent": lambda x: fit_personas(x, _recent(PERSONAS, personas=1), None, silent),
    "towers": lambda x: _towers(x, 2),
    "towers-one-vector": lambda x: _towers(x, 1),
    "mixture": lambda x: MixtureFoldIn(Ials(x, IALS).items, MixtureConfig(personas=3, ials=IALS)),
    "k-means": lambda x: PersonaScorer(kmeans_personas(FITS["one-vector"](x).encoder, 3)),
    "large-edlae": lambda x: LargeLinearAutoencoder(x, TUNED),
}  # fmt: skip
CONTROLS = {"mixture", "k-means"}  # of the study of personas
BY_ORDER = {"edlae-recent", "personas-recent", "one-vector-recent"}  # recent likes count more
BY_SIZE = {"large-edlae"}  # what the linear models are beyond a size


def planted(users, seed):
    """Each user likes items of two of the five groups; the first items of a group are liked most."""
    draw = np.random.default_rng(seed)
    appeal = 1.0 / np.arange(1, PER_GROUP + 1) ** 0.5
    appeal /= appeal.sum()
    rows = []
    for _ in range(users):
        groups = draw.choice(GROUPS, 2, replace=False)
        rows.append(
            np.concatenate([g * PER_GROUP + draw.choice(PER_GROUP, 6, replace=False, p=appeal) for g in groups])
        )
    return [draw.permutation(row).astype(np.int32) for row in rows]


@pytest.fixture(scope="module")
def train():
    return Histories.of(planted(300, 0))


@pytest.fixture(scope="module")
def scorers(train, one_thread):
    return {name: fit_touched(train, ITEMS, fit) for name, fit in FITS.items()}


every = pytest.mark.parametrize("name", FITS)


def test_no_model_of_the_comparison_is_missing():
    assert set(FITS) - CONTROLS - BY_SIZE == set(MODELS) - {
        "one-vector-wide",
        "personas-wide",
    }  # of more dimensions alone


@every
def test_shape_and_finite_on_what_was_touched(name, scorers):
    histories = Histories.of(planted(7, 1))
    scores = scorers[name].scores(histories)
    assert scores.shape == (7, ITEMS) and scores.dtype == np.float32
    assert np.isfinite(scores[:, :-UNTOUCHED]).all()
    assert scorers[name].scores(Histories.of([])).shape == (0, ITEMS)


@every
def test_untouched_items_come_last_and_say_nothing(name, scorers):
    rows = planted(4, 2)
    scores = scorers[name].scores(Histories.of(rows))
    assert (scores[:, -UNTOUCHED:].max(axis=1) < scores[:, :-UNTOUCHED].min(axis=1)).all()
    with_unknown = [np.append(row, ITEMS - 1) for row in rows]
    np.testing.assert_array_equal(scorers[name].scores(Histories.of(with_unknown)), scores)


@every
def test_alone_as_in_a_batch_and_in_any_order_unless_it_reads_by_it(name, scorers):
    rows = planted(6, 3)
    together = scorers[name].scores(Histories.of(rows))
    alone = np.concatenate([scorers[name].scores(Histories.of([row])) for row in rows])
    turned = scorers[name].scores(Histories.of([row[::-1] for row in rows]))
    np.testing.assert_allclose(alone, together, rtol=2e-4, atol=2e-5)
    assert np.allclose(turned, together, rtol=2e-4, atol=2e-5) == (name not in BY_ORDER)


@every
def test_an_empty_history_is_the_same_for_everyone(name, scorers):
    rows = [[], planted(1, 4)[0], []]
    scores = scorers[name].scores(Histories.of(rows))
    assert np.isfinite(scores[:, :-UNTOUCHED]).all()
    # Rows of one matrix product may be rounded apart; where nothing is said of nobody they are zeros.
    np.testing.assert_allclose(scores[0], scores[2], rtol=1e-5, atol=1e-6 if name.startswith("towers") else 0)


@every
def test_scoring_changes_nothing(name, scorers):
    histories = Histories.of(planted(3, 5))
    first = scorers[name].scores(histories)
    first_copy = first.copy()
    first[:] = 0
    np.testing.assert_array_equal(scorers[name].scores(histories), first_copy)


@every
def test_the_same_seed_gives_the_same_model(name, scorers, train):
    histories = Histories.of(planted(3, 6))
    again = fit_touched(train, ITEMS, FITS[name])
    np.testing.assert_allclose(again.scores(histories), scorers[name].scores(histories), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [n for n in FITS if n != "popularity"])
def test_learns_more_than_popularity(name, scorers):
    rows = planted(200, 7)
    seen, hidden = Histories.of([r[:9] for r in rows]), Histories.of([r[9:] for r in rows])
    touched = scorers[name].touched

    def value(scorer):
        lists = best_items(scorer.scores(seen), seen, touched, 10)
        return ndcg(hits(lists, hidden, ITEMS), hidden.lengths, 10).mean()

    assert value(scorers[name]) > value(scorers["popularity"]) + 0.1


@pytest.mark.parametrize(
    ("fit", "config"),
    [(Ials, IALS), (fit_mult_vae, MULT_VAE), (fit_recvae, RECVAE)],
    ids=["ials", "mult-vae", "recvae"],
)
def test_another_seed_gives_another_model(fit, config, train):
    x = train.matrix(ITEMS - UNTOUCHED).tocsr()
    short = config.model_copy(update={"epochs": 1})
    other = short.model_copy(update={"seed": 1})
    histories = Histories.of(planted(2, 8))
    assert not np.allclose(fit(x, short).scores(histories), fit(x, other).scores(histories))


@pytest.mark.parametrize(
    ("fit", "config"), [(fit_mult_vae, MULT_VAE), (fit_recvae, RECVAE)], ids=["mult-vae", "recvae"]
)
def test_the_best_judged_epoch_is_kept(fit, config, train):
    x = train.matrix(ITEMS - UNTOUCHED).tocsr()
    histories = Histories.of(planted(2, 9))
    seen = []

    def judge(scorer):
        seen.append(scorer.scores(histories))
        return -float(len(seen))  # the first is the best

    kept = fit(x, config.model_copy(update={"epochs": 5, "judge_every": 2}), judge=judge)
    assert len(seen) == 3  # after 2, 4 and the last
    np.testing.assert_array_equal(kept.scores(histories), seen[0])


def test_knn_by_hand():
    x = sparse.csr_matrix(np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1], [0, 0, 1]], np.float32))
    one = Histories.of([[0]])
    scores = ItemKnn(x, KnnConfig(neighbours=2, shrinkage=0.0)).scores(one)[0]
    np.testing.assert_allclose(scores, [0, 2 / np.sqrt(6), 1 / np.sqrt(6)], rtol=1e-6)
    shrunk = ItemKnn(x, KnnConfig(neighbours=2, shrinkage=3.0)).scores(one)[0]
    np.testing.assert_allclose(shrunk, [0, 2 / (np.sqrt(6) + 3), 1 / (np.sqrt(6) + 3)], rtol=1e-6)
    # One neighbour each: item 2's and item 1's is item 0, and item 0's is item 1.
    nearest = ItemKnn(x, KnnConfig(neighbours=1, shrinkage=0.0)).scores(Histories.of([[2]]))[0]
    np.testing.assert_allclose(nearest, [0, 0, 0], atol=1e-7)


def test_ials_says_what_single_precision_cannot_solve():
    with pytest.raises(DataError, match="cannot be solved"):
        _positive(np.zeros((2, 2), np.float32), np.ones(2, np.float32))


@pytest.mark.parametrize("dimension", [2, 3, 4], ids=["more items than dimensions", "as many", "fewer"])
def test_ials_fold_in_is_the_minimum_of_its_loss(dimension):
    x = sparse.csr_matrix((np.random.default_rng(0).random((30, 12)) < 0.3).astype(np.float32))
    config = IalsConfig(dimension=dimension, regularisation=0.05, unobserved_weight=0.2, exponent=0.5, epochs=4)
    model = Ials(x, config)
    history = Histories.of([[1, 5, 7]], [[1.0, 2.0, 0.5]])
    weights = np.zeros(12)
    weights[[1, 5, 7]] = [1.0, 2.0, 0.5]
    q = model.items.astype(np.float64)

    def loss(p):
        ridge = 0.05 * (3.5 + 0.2 * 12) ** 0.5
        return (weights * (1 - q @ p) ** 2).sum() + 0.2 * ((q @ p) ** 2).sum() + ridge * (p @ p)

    best = model.users(history)[0].astype(np.float64)
    slope = [(loss(best + h) - loss(best - h)) / 2e-4 for h in 1e-4 * np.eye(dimension)]
    np.testing.assert_allclose(slope, 0, atol=1e-4)


@pytest.mark.parametrize("shape", [(40, 15), (15, 40)], ids=["items", "woodbury"])
def test_the_exponents_by_their_equation(shape):
    draw = np.random.default_rng(1)
    x = (draw.random(shape) < 0.3).astype(np.float64)
    x[:, 0] = 1
    config = LinearConfig(ridge=3.0, dropout=0.4, user_exponent=0.5, read_exponent=0.15, write_exponent=0.05)
    w = x.sum(axis=1) ** -0.5
    w /= w.mean()
    gram = (x * w[:, None]).T @ x
    p = np.linalg.inv(gram + np.diag(3.0 + 0.4 / 0.6 * np.diag(gram)))
    b = -p / np.diag(p)
    np.fill_diagonal(b, 0)
    likes = x.sum(axis=0) + 1
    expected = likes[:, None] ** -0.15 * b * likes**-0.05
    model = LinearAutoencoder.of(sparse.csr_matrix(x), config)
    np.testing.assert_allclose(model.predict(sparse.csr_matrix(x)), x @ expected, atol=1e-10)
    np.testing.assert_allclose(model.project(np.eye(shape[1])), expected, atol=1e-10)


def test_all_items_by_products_equal_the_gather_of_the_product(scorers):
    scorer = scorers["personas"].inner
    assert isinstance(scorer, PersonaScorer)
    histories = Histories.of([*planted(5, 10), []])
    items = np.tile(np.arange(scorer.encoder.n_items, dtype=np.int32), (6, 1))
    expected = scorer.encoder.attend(scorer.encoder.encode(histories), items)[0]
    np.testing.assert_allclose(scorer.scores(histories), expected, rtol=1e-4, atol=1e-5)
