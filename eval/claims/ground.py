"""The data of an experiment: users held out once for choosing and once for figures, and candidates of any scorer for them.

Large data are split as published (strong generalisation of Liang et al. 2018). Small ones are cut into five folds, each of
them test once and validation once: the validation users of a part are the test users of the next. So nothing may be chosen
over parts: whatever is chosen is chosen in each part by its validation users and used for its test users alone, and then every
user's figures come from a model, and from settings, that neither saw nor were chosen by that user.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from agent.rerank.calibration import target_shares
from agent.rerank.protocol import Pool
from eval import metrics
from eval.claims.candidates import Found
from eval.claims.kept import DEPTH
from eval.retrieve_ground import make_split
from eval.suite.store import digest, fingerprint
from retrieval.arrays import Bool, Csr, Float32, Int32, Int64
from retrieval.axes import Axis, make_axis
from retrieval.baselines.protocol import Scorer, Touched, touched_items, touched_matrix
from retrieval.datasets.dataset import Dataset
from retrieval.datasets.splits import SEED, HeldOut, hide_share
from retrieval.errors import ConfigError, DataError
from retrieval.schema import Catalog, Histories

FOLDS = 5
_LEAST = 10  # liked items of a user who counts, where every user is held out once
_PUBLISHED = 6_000  # users from which on the published split leaves enough to test on
_CELLS = 8_000_000  # scores held at once


@dataclass(frozen=True, eq=False)
class Part:
    """One split of the users.

    Attributes:
        matrix: ``(N, M)`` training users by the items they touched.
        categories: ``(M, G)`` of those items along the axis.
        touched: ``(n_items,)`` which they are: what is ranked.
        counts: ``(n_items,)`` training interactions.
        axis: What divides the items; bands of popularity are of the training likes.
        validation: Users for every choice that this part's figures depend on.
        test: Users for the figures.
    """

    matrix: Csr
    categories: Csr
    touched: Bool
    counts: Int64
    axis: Axis
    validation: HeldOut
    test: HeldOut

    @cached_property
    def key(self) -> str:
        """Hash of everything in it: what was made of one part is not taken for another's."""
        seen = hashlib.sha256(self.axis.name.encode())
        held = [rows for one in (self.validation, self.test) for rows in (one.fold_in, one.hidden)]
        arrays = [
            *(array for csr in (self.matrix, self.categories) for array in (csr.indptr, csr.indices, csr.data)),
            self.touched, self.validation.users, self.test.users,
            *(array for rows in held for array in (rows.indptr, rows.items)),
        ]  # fmt: skip
        for array in arrays:
            seen.update(repr(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return seen.hexdigest()[:20]

    @cached_property
    def halves(self) -> tuple[Histories, Histories]:
        """The fold-in of every test user in two halves, drawn at random once; the first has the odd item."""
        draw, fold_in = np.random.RandomState(SEED), self.test.fold_in
        rows = [draw.permutation(fold_in.row(user)) for user in range(len(fold_in))]
        return Histories.of([row[::2] for row in rows]), Histories.of([row[1::2] for row in rows])

    def of_users(self, most: int) -> Part:
        """The same with some of the training users; the items stay, though nobody may be left who touched one."""
        if self.matrix.shape[0] <= most:
            return self
        rows = np.sort(np.random.RandomState(SEED).permutation(self.matrix.shape[0])[:most])
        return replace(self, matrix=self.matrix[rows])

    def judge(self, scorer: Scorer) -> float:
        """Mean nDCG@100 of a scorer of the M items on validation."""
        lists, _ = self.best(scorer, self.validation)
        hit = metrics.hits(lists, self.validation.hidden, len(self.touched))
        return float(np.nanmean(metrics.ndcg(hit, self.validation.hidden.lengths, DEPTH)))

    def candidates(self, scorer: Scorer, held: HeldOut, depth: int = DEPTH) -> Found:
        """Candidates that a scorer of the M items finds for held-out users, with their proportions as target."""
        return self.found(*self.best(scorer, held, depth), held)

    def best(
        self, scorer: Scorer, held: HeldOut, depth: int = DEPTH, *, told: Histories | None = None
    ) -> tuple[Int32, Float32]:
        """``(B, depth)`` best unseen items of a scorer of the M items, and their scores.

        Args:
            scorer: Of the M items.
            held: Users; what is in their fold-in is not listed.
            depth: Length of the lists.
            told: Histories that the scorer is told in place of the fold-in.
        """
        parts = list(self._best(scorer, held, depth, held.fold_in if told is None else told))
        return np.concatenate([items for items, _ in parts]), np.concatenate([scores for _, scores in parts])

    def found(self, items: Int32, scores: Float32, held: HeldOut) -> Found:
        """Lists of items as candidates of held-out users."""
        hit = metrics.hits(items, held.hidden, len(self.touched))
        target = target_shares(held.fold_in, self.axis.rows(held.fold_in.items))
        popularity = self.counts[np.maximum(items, 0)].astype(np.float32)
        pool = Pool(scores, self.axis.rows(items), target, popularity=popularity)
        return Found(items, hit, held.hidden.lengths, pool)

    def _best(self, scorer: Scorer, held: HeldOut, depth: int, told: Histories) -> Iterator[tuple[Int32, Float32]]:
        whole, step = Touched(scorer, self.touched), max(1, _CELLS // len(self.touched))
        for start in range(0, len(held.users), step):
            stop = min(start + step, len(held.users))
            seen = held.fold_in.slice(start, stop)
            scores = whole.scores(told.slice(start, stop))
            items = metrics.ranked(scores, seen, self.touched, depth)
            taken = np.take_along_axis(scores, np.maximum(items, 0), axis=1)
            yield items, np.where(items >= 0, taken, -np.inf).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Ground:
    """One data set, held out.

    Attributes:
        name: Of the data.
        rows: Hash of its rows and of the users that are kept.
        protocol: What was held out, in words.
        dataset: The data themselves.
        parts: One split, or as many as there are folds.
        folder: Where candidates are kept for the claims to come; None keeps none.
    """

    name: str
    rows: str
    protocol: str
    dataset: Dataset
    parts: tuple[Part, ...]
    folder: Path | None = None

    @property
    def key(self) -> str:
        """Hash of the rows, and of every part with its training, validation and test users and its categories."""
        return digest({"rows": self.rows, "parts": [part.key for part in self.parts], "depth": DEPTH})

    @property
    def users(self) -> int:
        """Test users in all."""
        return sum(len(part.test.users) for part in self.parts)

    def smaller(self, parts: int, train: int) -> Ground:
        """The same with at most so many parts, and training users in each, for claims that train many models; says so."""
        kept = tuple(part.of_users(train) for part in self.parts[:parts])
        said = self.protocol
        if parts < len(self.parts):
            said += f"; {parts} of the {len(self.parts)} folds"
        if any(part.matrix.shape[0] > train for part in self.parts[:parts]):
            said += f"; trained on {train:,} of the training users, drawn once"
        return replace(self, parts=kept, protocol=said)


def make_ground(
    dataset: Dataset, most: int | None = None, axis: str = "categories", folder: Path | None = None
) -> Ground:
    """Hold users out.

    Args:
        dataset: Data with groups along the axis.
        most: Users to keep, drawn once; None keeps all.
        axis: Column of groups.
        folder: Where candidates are kept.

    Raises:
        ConfigError: The data have no such groups.
        DataError: Too few users.
    """
    if axis == "categories" and not dataset.catalog.has_labels():
        raise ConfigError(f"{dataset.name} has no categories that tastes could be told by", "name a column with --axis")
    dataset.catalog.axis(axis)  # which refuses a column that is not there before anything is split
    kept, dropped = _sampled(dataset, most)
    likes = kept.likes().distinct()
    sizes = np.bincount(likes.users, minlength=len(likes.user_ids))
    rows = f"{fingerprint(kept)}-{axis}"
    said = f"; {dropped}" if dropped else ""
    if int((sizes >= 5).sum()) >= _PUBLISHED:
        split, note = make_split(kept, "strong", None, 1)
        train = split.train.histories()
        part = _part(train, kept.catalog, axis, split.validation, split.test)
        return Ground(dataset.name, rows, f"{note}{said}", kept, (part,), folder)
    users = np.flatnonzero(sizes >= _LEAST)
    if len(users) < 4 * FOLDS:
        raise DataError(f"only {len(users)} users have {_LEAST} liked items", "use more data")
    folds = np.array_split(np.random.RandomState(SEED).permutation(users), FOLDS)
    parts = tuple(_fold(kept, axis, folds[at], folds[(at + 1) % FOLDS]) for at in range(FOLDS))
    note = (
        f"{len(users):,} users with {_LEAST} likes, each held out once in {FOLDS} folds; a fifth of each history hidden"
    )
    return Ground(dataset.name, rows, f"{note}{said}", kept, parts, folder)


def _sampled(dataset: Dataset, most: int | None) -> tuple[Dataset, str]:
    """Some of the users, and a word about it."""
    rows = dataset.interactions
    users = len(rows.user_ids)
    if most is None or users <= most:
        return dataset, ""
    kept = np.zeros(users, bool)
    kept[np.random.RandomState(SEED).permutation(users)[:most]] = True
    some = Dataset(
        dataset.name, dataset.catalog, rows.where(kept[rows.users]), dataset.like_above, dataset.licence, dataset.notes
    )
    return some, f"{most:,} of {users:,} users, drawn once"


def _fold(dataset: Dataset, axis: str, test: Int32, validation: Int32) -> Part:
    likes, n_items = dataset.likes().distinct(), len(dataset.catalog)
    rows = likes.where(~np.isin(likes.users, np.concatenate([test, validation])))
    universe = np.zeros(n_items, bool)
    universe[rows.items] = True
    known = likes.where(universe[likes.items])
    held = [hide_share(known, np.sort(part).astype(np.int32), 0.2) for part in (validation, test)]
    return _part(rows.histories(), dataset.catalog, axis, *held)


def _part(train: Histories, catalog: Catalog, axis: str, validation: HeldOut, test: HeldOut) -> Part:
    touched = touched_items(train, len(catalog))
    counts = np.bincount(train.items, minlength=len(catalog))
    # The catalogue counts everybody's likes, the hidden ones too: bands of popularity must not know those.
    divided = make_axis(catalog.table.with_columns(count=pl.Series(counts)), axis)
    categories = divided.share[np.flatnonzero(touched)].tocsr()
    return Part(touched_matrix(train, touched), categories, touched, counts, divided, validation, test)
