"""Published candidate sets: what is read, nDCG by hand, the weight of a model, and the whole comparison against a scripted server."""

import json

import numpy as np
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from agent.llm.orders import Opinion
from agent.llm.scorer import LabelScores, standardised
from eval.published import cli
from eval.published.asking import Said
from eval.published.measure import AT, fit_weight, fused_gains, gains, together
from eval.published.report import run_published
from eval.published.sets import MIXED, SHOWN, SOURCES, read_sets
from eval.published.study import Plan
from retrieval import datasets
from retrieval.errors import ConfigError, DataError
from tests.agent.faults import faulty_server
from tests.eval.tiny_shop import ITEMS, USERS, write_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop, and for each customer and source thirty items in an order of chance; the first two of ``pop`` are the same for all."""
    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder)
    draw, rows = np.random.default_rng(1), []
    for source in SOURCES:
        for user in draw.permutation(USERS):
            items = draw.permutation(ITEMS)[:30].tolist()
            items = [0, 1, *[i for i in items if i > 1]] if source == "pop" else items
            rows.append((f"u{user}", source, [f"i{i}" for i in items]))
    path = folder / "published.parquet"
    pl.DataFrame(rows, schema=["user_id", "retriever", "candidates"], orient="row").write_parquet(path)
    return datasets.load(str(folder)), path


def last_items(dataset):
    rows = dataset.interactions.histories()
    return np.array([rows.row(user)[-1] for user in range(len(rows))])


def test_sets_are_the_first_of_the_file_with_the_truth_put_in(shop):
    dataset, path = shop
    sets = read_sets(dataset, path, "bm25", with_truth=True)
    assert sets.items.shape == (USERS, SHOWN)
    assert (sets.truth == last_items(dataset)[sets.users]).all()
    table = pl.read_parquet(path).filter(pl.col("retriever") == "bm25")
    for row, (user, _, named) in enumerate(table.iter_rows()):
        assert dataset.interactions.user_ids[sets.users[row]] == user
        others = [item for item in dataset.catalog.positions(named) if item != sets.truth[row]]
        assert set(sets.items[row]) == {*others[: SHOWN - 1], sets.truth[row]}
        assert sets.truth[row] not in sets.histories.row(row)
    places = np.argmax(sets.items == sets.truth[:, None], axis=1)
    assert 5 < places.mean() < 14  # shuffled
    assert (read_sets(dataset, path, "bm25", with_truth=True).items == sets.items).all()
    assert len(sets.test) + len(sets.validation) == USERS
    assert not set(sets.test) & set(sets.validation)


def test_without_the_truth_nothing_is_added_and_the_order_given_is_the_files(shop):
    dataset, path = shop
    sets = read_sets(dataset, path, "pop", with_truth=False)
    first = np.take_along_axis(sets.items, np.argsort(-sets.given, axis=1), axis=1)
    assert (dataset.catalog.positions(["i0", "i1"]) == first[:, :2]).all()
    found = gains(sets.given, sets.items, sets.truth)
    assert ((found[:, 0] > 0) == (first[:, 0] == sets.truth)).all()


def test_mixed_sets_take_three_of_each_source_once(shop):
    dataset, path = shop
    sets = read_sets(dataset, path, MIXED, with_truth=False)
    for row in sets.items:
        held = row[row >= 0]
        assert len(held) == len(set(held)) <= 3 * len(SOURCES)
    assert (sets.items < 0).any()
    assert np.isneginf(sets.given[sets.items < 0]).all()


def test_what_does_not_belong_together_is_refused(shop, tmp_path):
    dataset, path = shop
    with pytest.raises(ConfigError, match="no such retriever"):
        read_sets(dataset, path, "oracle", with_truth=True)
    strange = tmp_path / "strange.parquet"
    pl.DataFrame({"user_id": ["nobody"], "retriever": ["pop"], "candidates": [["i1", "i2"]]}).write_parquet(strange)
    with pytest.raises(DataError, match="'nobody' is not in"):
        read_sets(dataset, strange, "pop", with_truth=True)
    with pytest.raises(DataError, match="no candidates of 'bpr'"):
        read_sets(dataset, strange, "bpr", with_truth=True)
    with pytest.raises(DataError, match="columns"):
        read_sets(dataset, path.parent / "items.parquet", "pop", with_truth=True)


def test_gains_by_hand():
    items = np.array([[7, 8, 9, -1], [7, 8, 9, 5], [1, 2, 3, 4]], np.int32)
    scores = np.array([[0.1, 0.9, 0.5, -np.inf], [2.0, 2.0, 1.0, 3.0], [4.0, 3.0, 2.0, 1.0]], np.float32)
    found = gains(scores, items, np.array([9, 8, 99], np.int32))
    assert AT == (1, 5, 10, 20)
    assert found[0].tolist() == pytest.approx([0.0, *[1 / np.log2(3)] * 3])
    assert found[1].tolist() == pytest.approx([0.0, *[1 / np.log2(4)] * 3])  # equals stay as shown: 5, 7, 8
    assert not found[2].any()


def opinion(relevance, agreement=None):
    rows = standardised(np.asarray(relevance, np.float32))
    return Opinion(rows, agreement, LabelScores(rows, 1.0, 1, 1), rows[None])


def test_the_weight_of_a_model_that_knows_is_large_and_of_noise_is_none():
    draw = np.random.default_rng(0)
    items = np.tile(np.arange(20, dtype=np.int32), (80, 1))
    truth = draw.integers(0, 20, 80).astype(np.int32)
    good = (items == truth[:, None]).astype(np.float32)
    retrieved = (2.0 * good + draw.normal(0, 1, good.shape)).astype(np.float32)
    knowing = [opinion(row + draw.normal(0, 0.01, 20)) for row in good]
    wrong = [opinion(-row + draw.normal(0, 0.01, 20)) for row in good]
    assert fit_weight(retrieved, knowing, items, truth).weight >= 0.5
    assert fit_weight(retrieved, wrong, items, truth).weight == 0.0
    assert fused_gains(retrieved, knowing, items, truth, 1.0)[:, 0].mean() == 1.0
    silent = fused_gains(retrieved, [None] * 80, items, truth, 1.0)
    assert (silent == gains(retrieved, items, truth)).all()  # a model that fails costs nobody the retriever's order


def test_orders_that_disagree_talk_the_model_out_of_its_weight():
    retrieved = np.array([3.0, 2.0, 1.0], np.float32)
    assert together(retrieved, opinion([0, 1, 5], 0.0), 0.7) == pytest.approx(standardised(retrieved))
    assert together(retrieved, opinion([0, 1, 5], 0.0), 1.0) == pytest.approx(opinion([0, 1, 5]).relevance)


def test_one_order_is_the_first_of_several():
    rows = np.array([[-1.0, -2.0, -3.0], [-3.0, -2.0, -1.0]], np.float32)
    said = Said(rows, 0.9, None, 10, 1.0)
    assert np.argmax(said.opinion(1).relevance) == 0
    assert said.opinion(2) is None  # what contradicts itself prefers nothing
    assert Said(rows, 0.01, "llm_low_label_mass", 10, 1.0).opinion(1) is None
    assert Said(None, 0.0, "llm_timeout", 0, 1.0).opinion(1) is None


def published(path, out, *more):
    place = typer.Typer()
    place.command()(cli.published)
    command = [str(path), "--data", str(path.parent), "--out", str(out), "--json", *more]
    ended = CliRunner().invoke(place, [*command, "--source", "bert", "--with-truth", "--settings", "1"])
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.stdout)


def test_the_whole_comparison_and_that_no_call_is_paid_twice(shop, tmp_path):
    _, path = shop
    asked = ["--users", "6", "--validation", "4", "--orders", "2"]
    with faulty_server("ok") as (url, payloads):
        server = ["--llm-url", url, "--llm-model", "m"]
        found = published(path, tmp_path / "out", *asked, *server)
        assert len(payloads) == 2 * (6 + 4)
        again = published(path, tmp_path / "out", *asked, *server)
        assert len(payloads) == 2 * (6 + 4)
    assert again == found
    names = [row["name"] for row in found["asked"]]
    assert names[:2] == ["order given", "random order"]
    assert {"popularity", "EASE", "model, 1 order", "model, 2 orders"} <= set(names)
    given, first = (next(row for row in found["asked"] if row["name"] == n) for n in ("order given", "model, 1 order"))
    assert given["ndcg"] == first["ndcg"]  # the scripted model likes what it is shown first
    assert found["asked_users"] == 6
    assert found["found"] == 1.0
    assert found["users"] == USERS // 2
    assert not found["failures"]


def test_without_a_model(shop, tmp_path):
    _, path = shop
    found = published(path, tmp_path / "out", "--no-llm", "--ranker", "popularity")
    assert found["asked"] == []
    assert found["best"] == "popularity"


def test_a_truth_among_retrieved_candidates_is_a_leak_and_is_told(shop, tmp_path, capsys):
    dataset, path = shop
    plain = read_sets(dataset, path, "bm25", with_truth=False)
    share = (plain.items == plain.truth[:, None]).any(axis=1).mean()
    assert 0 < share < 1
    for source, with_truth in [("random", True), ("bm25", False), ("bm25", True), (MIXED, True)]:
        sets = read_sets(dataset, path, source, with_truth=with_truth)
        assert sets.leaks == (with_truth and source != "random")
    assert read_sets(dataset, path, "bm25", with_truth=True).held == plain.held == pytest.approx(share)

    def told(source, *, with_truth):
        plan = Plan(("popularity",), 1, 2, 2, 2, "rerank-shares", 0)
        run_published(path, str(path.parent), [], source, plan, tmp_path / "out", None, None, with_truth=with_truth, no_llm=True, as_json=True)  # fmt: skip
        return capsys.readouterr().err

    assert f"{share:.1%} of the sets that bm25 retrieved" in told("bm25", with_truth=True)
    assert not any(
        "by themselves" in told(source, with_truth=put) for source, put in [("bm25", False), ("random", True)]
    )
