"""The same metrics by libraries of others, for comparison only; each is given its own format beforehand. Unsafe to rely on: none is a dependency."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from eval import metrics

if TYPE_CHECKING:
    from eval.metrics_bench import Lists, Means

_TREC = {"nDCG": "ndcg_cut_{}", "recall": "recall_{}", "precision": "P_{}", "RR": "recip_rank", "AP": "map_cut_{}"}


def cumulative_numpy(given: Lists) -> Means:
    """Every cut-off at once from a matrix of hits that is there already, ideal and AP row by row, as RecBole computes them."""
    hit = metrics.hits(given.lists, given.hidden, given.n_items)
    relevant, k = given.hidden.lengths, given.lists.shape[1]

    def means() -> dict[str, float]:
        ranks = np.arange(1, k + 1, dtype=np.float64)
        found = np.cumsum(hit, axis=1)
        ideal = np.cumsum(np.broadcast_to(1.0 / np.log2(ranks + 1), hit.shape), axis=1)
        gain = np.cumsum(np.where(hit, 1.0 / np.log2(ranks + 1), 0.0), axis=1)
        precise = np.cumsum(found / ranks * hit, axis=1)
        first, reciprocal, average = hit.argmax(axis=1), np.zeros(hit.shape), np.zeros(hit.shape)
        for row, most in enumerate(np.minimum(relevant, k)):
            ideal[row, most:] = ideal[row, most - 1]
            if hit[row, first[row]]:
                reciprocal[row, first[row] :] = 1.0 / (first[row] + 1)
            average[row] = precise[row] / np.minimum(ranks, most)
        values = (gain / ideal, found / relevant[:, None], found / ranks, reciprocal, average)
        return {name: float(v[:, -1].mean()) for name, v in zip(_TREC, values, strict=True)}

    return means


def pytrec(given: Lists) -> Means:
    """pytrec_eval, trec_eval in C."""
    import pytrec_eval  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    qrels, run = _dicts(given)
    k = given.lists.shape[1]
    measures = {name.format(k).replace(f"_{k}", f".{k}") for name in _TREC.values()}
    evaluator = pytrec_eval.RelevanceEvaluator(qrels, measures)

    def means() -> dict[str, float]:
        found = evaluator.evaluate(run).values()
        return {name: float(np.mean([row[key.format(k)] for row in found])) for name, key in _TREC.items()}

    return means


def ir_measures(given: Lists) -> Means:
    """ir-measures."""
    import ir_measures as library  # noqa: PLC0415

    qrels, run = _dicts(given)
    k = given.lists.shape[1]
    wanted = {name: library.parse_measure(f"{name}@{k}") for name in ("nDCG", "R", "P", "RR", "AP")}
    evaluator = library.evaluator(list(wanted.values()), qrels)

    def means() -> dict[str, float]:
        found = evaluator.calc_aggregate(run)
        return dict(zip(_TREC, (float(found[measure]) for measure in wanted.values()), strict=True))

    return means


def ranx(given: Lists) -> Means:
    """ranx, compiled by numba, on all threads; by-user values are not stored."""
    from ranx import Qrels, Run, evaluate  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    qrels, run = _dicts(given)
    judged, ran, k = Qrels(qrels), Run(run), given.lists.shape[1]
    wanted = [f"{name}@{k}" for name in ("ndcg", "recall", "precision", "mrr", "map")]

    def means() -> dict[str, float]:
        found: Any = evaluate(judged, ran, wanted, save_results_in_run=False)
        return dict(zip(_TREC, (float(found[name]) for name in wanted), strict=True))

    return means


def rectools(given: Lists) -> Means:
    """RecTools, on tables of pandas."""
    import pandas as pd  # noqa: PLC0415  # pyright: ignore[reportMissingImports]
    from rectools.metrics import MAP, MRR, NDCG, Precision, Recall, calc_metrics  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    users, k = given.lists.shape
    listed = {"user_id": np.repeat(np.arange(users), k), "item_id": given.lists.ravel(), "rank": np.tile(np.arange(1, k + 1), users)}  # fmt: skip
    reco = pd.DataFrame(listed)
    truth = pd.DataFrame({"user_id": given.hidden.owner, "item_id": given.hidden.items})
    wanted = {"nDCG": NDCG(k=k), "recall": Recall(k=k), "precision": Precision(k=k), "RR": MRR(k=k), "AP": MAP(k=k)}

    def means() -> dict[str, float]:
        found: Any = calc_metrics(wanted, reco, truth)
        return {name: float(found[name]) for name in wanted}

    return means


def scikit_learn(given: Lists) -> Means:
    """scikit-learn, which has nDCG alone, on dense matrices."""
    from sklearn.metrics import ndcg_score  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    users, k = given.lists.shape
    truth, scores = np.zeros((users, given.n_items)), np.zeros((users, given.n_items))
    truth[given.hidden.owner, given.hidden.items] = 1.0
    scores[np.arange(users)[:, None], given.lists] = np.arange(k, 0, -1)
    return lambda: {"nDCG": float(ndcg_score(truth, scores, k=k, ignore_ties=True))}


def plain_python(given: Lists) -> Means:
    """A loop over users and ranks, as in most code beside papers."""
    k = given.lists.shape[1]
    rows = [(row.tolist(), set(given.hidden.row(u).tolist())) for u, row in enumerate(given.lists)]
    discount = (1.0 / np.log2(np.arange(2, k + 2))).tolist()

    def means() -> dict[str, float]:
        total = dict.fromkeys(_TREC, 0.0)
        for listed, truth in rows:
            found, gain, precise, first = 0, 0.0, 0.0, 0.0
            for rank, item in enumerate(listed, start=1):
                if item in truth:
                    found += 1
                    gain += discount[rank - 1]
                    precise += found / rank
                    first = first or 1.0 / rank
            values = (gain / sum(discount[: min(len(truth), k)]), found / len(truth), found / k, first, precise / len(truth))  # fmt: skip
            for name, value in zip(total, values, strict=True):
                total[name] += value
        return {name: value / len(rows) for name, value in total.items()}

    return means


def _dicts(given: Lists) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, float]]]:
    """Judgements and runs as mappings, scores strictly falling."""
    k = given.lists.shape[1]
    qrels = {f"u{u}": {f"i{item}": 1 for item in given.hidden.row(u)} for u in range(len(given.lists))}
    run = {f"u{u}": {f"i{item}": float(k - at) for at, item in enumerate(row)} for u, row in enumerate(given.lists)}
    return qrels, run


PEERS: dict[str, Callable[[Lists], Means]] = {
    "NumPy, RecBole's way, hits given": cumulative_numpy,
    "pytrec_eval": pytrec,
    "ir-measures": ir_measures,
    "ranx": ranx,
    "RecTools": rectools,
    "scikit-learn, nDCG alone": scikit_learn,
    "plain Python": plain_python,
}
"""By what they are called."""
