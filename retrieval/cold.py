"""Vectors for items that nobody has touched, predicted from what they say.

A ridge regression (:mod:`retrieval.text_ridge`) takes the features x_j of an item (:mod:`retrieval.text_features`) to each
of the encoder's tables: item vectors v_j, history vectors p_j, themes e_j. An item that n_j users liked has the weight
n_j / (n_j + h); those without likes are what is predicted. The strength of each regression is chosen on items left out,
by the error in *scores*: for v under the mean of u_k u_k' over the personas of the training users, for p under the mean of
v_j v_j'. Under the identity the vectors are nearly all noise and the strength comes out too large
(docs/decisions/0005); the themes are unit vectors, and for them it is the right one.

The idea of mapping content to a factor space is that of Gantner et al., "Learning Attribute-to-Feature Mappings for
Cold-Start Recommendations", ICDM 2010.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from retrieval.arrays import Bool, Float32, Float64, Int32
from retrieval.errors import DataError
from retrieval.personas.encoder import PersonaEncoder, Weights
from retrieval.schema import Catalog, Histories
from retrieval.text_features import FeatureSpace
from retrieval.text_ridge import Ridge, choose_strengths
from retrieval.text_store import load_arrays, save_arrays

_FEWEST = 20
_USERS = 2000  # enough for a second moment of d x d
_ARRAYS = ("centre", "slopes", "means", "widths", "bias", "strengths", "explained")


class ColdConfig(BaseModel):
    """How the map is fitted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    half: float = Field(default=10.0, ge=0, description="h: likes at which an item's vector is trusted by half")
    strengths: tuple[float, ...] = Field(
        default=(1e-4, 3e-4, 1e-3, 2e-3, 3e-3, 1e-2, 3e-2, 1e-1), min_length=1, description="l that are tried"
    )
    folds: int = Field(default=5, ge=2, description="parts of the items, each predicted from the others")
    bias_quantile: float = Field(
        default=0.1, ge=0, le=1, description="a cold item's bias is this quantile of the learned ones: modest"
    )
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ColdRows:
    """Predicted rows of m items, in the encoder's spaces.

    Attributes:
        items: ``(m, d)`` v_j.
        history: ``(m, d)`` p_j, what the item would say in a history.
        themes: ``(m, t)`` unit e_j.
        bias: ``(m,)`` b_j.
    """

    items: Float32
    history: Float32
    themes: Float32
    bias: Float32


@dataclass(frozen=True, slots=True)
class ColdMap:
    """The fitted map.

    Attributes:
        space: Coordinates of the features.
        centre: ``(F,)`` weighted mean of the features.
        slopes: ``(F, d + d + t)`` coefficients of items, history and themes, side by side.
        means: ``(d + d + t,)`` weighted means of the three.
        widths: ``(3,)`` d, d, t.
        bias: ``(1,)`` what every cold item gets.
        strengths: ``(3,)`` l that was chosen for each.
        explained: ``(3,)`` part of the scores' variance that is explained on items left out: 0 is the mean item.
    """

    space: FeatureSpace
    centre: Float64
    slopes: Float64
    means: Float64
    widths: Int32
    bias: Float64
    strengths: Float64
    explained: Float64

    def predict(self, items: Catalog, embeddings: Float32, loudness: float = 1.0) -> ColdRows:
        """Rows of m items from what they say.

        Args:
            items: A catalogue of them alone.
            embeddings: ``(m, D)`` of their sentences.
            loudness: Factor on v_j. A prediction is a mean over all that the item might be, so it is short, and at 1
                it hardly ever outranks what is known to be liked: lists stay as they are, and the item is found where
                it is asked for. More puts cold items into lists, at the cost of learned ones. The order of cold items
                among themselves does not depend on it.

        Raises:
            ValueError: There is not one embedding per item, or they have another dimension than those of the fit.
        """
        features = self.space.rows(items, embeddings)
        if features.shape[1] != len(self.centre):
            raise ValueError(f"{features.shape[1]} features, the map was fitted on {len(self.centre)}")
        rows = (features - self.centre) @ self.slopes + self.means
        vectors, history, themes = np.split(rows, np.cumsum(self.widths)[:2], axis=1)
        length = np.maximum(np.linalg.norm(themes, axis=1, keepdims=True), 1e-12)
        made = (loudness * vectors, history, themes / length, np.full(len(rows), self.bias[0]))
        return ColdRows(*(table.astype(np.float32) for table in made))

    def save(self, path: Path) -> None:
        """Write the map with a checksum, so that items of tomorrow need no training."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        save_arrays(path, {**arrays, "years": self.space.centres}, {"labels": json.dumps(self.space.labels)})

    @classmethod
    def load(cls, path: Path) -> ColdMap:
        """Read what :meth:`save` wrote.

        Raises:
            NotFoundError: There is no such file.
            DataError: It is damaged.
        """
        arrays, facts = load_arrays(path)
        space = FeatureSpace(tuple(json.loads(facts["labels"])), arrays["years"])
        return cls(space, **{name: arrays[name] for name in _ARRAYS})


@dataclass(frozen=True, slots=True)
class Extended:
    """An encoder's arrays with predicted rows.

    Attributes:
        weights: Over all items, learned and predicted.
        cold: ``(M,)`` which rows are predicted, not learned: to be carried to whatever is shown.
    """

    weights: Weights
    cold: Bool


def fit(
    encoder: PersonaEncoder,
    catalog: Catalog,
    embeddings: Float32,
    histories: Histories,
    config: ColdConfig | None = None,
) -> ColdMap:
    """Fit the map on the items that the encoder was trained on.

    Args:
        encoder: Trained.
        catalog: Its M items.
        embeddings: ``(M, D)`` of their sentences.
        histories: What the encoder was trained on: it says which items are learned, and how well.
        config: Settings.

    Raises:
        DataError: Fewer than twenty items are learned.
    """
    config = config or ColdConfig()
    counts = np.bincount(histories.items, minlength=encoder.n_items)
    learned = np.flatnonzero(counts)
    if len(learned) < _FEWEST:
        raise DataError(f"only {len(learned)} items were liked", f"a map to cold items needs {_FEWEST}")
    trust = counts[learned] / (counts[learned] + config.half)
    known, space = encoder.weights, FeatureSpace.of(catalog)
    x = space.rows(catalog, embeddings)[learned].astype(np.float64)
    tables = [table[learned].astype(np.float64) for table in (known.items, known.history, known.themes)]
    metrics = [_persona_moment(encoder, histories), _moment(tables[0], trust), np.eye(known.themes.shape[1])]
    strengths, explained = choose_strengths(x, tables, metrics, trust, config.strengths, config.folds, config.seed)
    solved = Ridge(x, trust)
    slopes = [solved.slopes(table, strength) for table, strength in zip(tables, strengths, strict=True)]
    return ColdMap(
        space=space,
        centre=solved.centre,
        slopes=np.concatenate(slopes, axis=1),
        means=np.concatenate([np.average(table, axis=0, weights=trust) for table in tables]),
        widths=np.array([table.shape[1] for table in tables], np.int32),
        bias=np.array([np.quantile(known.bias[learned], config.bias_quantile)], np.float64),
        strengths=np.array(strengths),
        explained=np.array(explained),
    )


def extend(weights: Weights, rows: ColdRows, at: Int32) -> Extended:
    """Put predicted rows into an encoder's arrays.

    Args:
        weights: Learned, over M items.
        rows: Predicted.
        at: ``(m,)`` internal id of each row: of untouched items, or from M on for items that are new.

    Raises:
        ValueError: A learned row would be overwritten, ids repeat, or new ids leave a gap.
    """
    size = len(weights.items)
    total = max(size, int(at.max(initial=-1)) + 1)
    if len(np.unique(at)) != len(at) or (len(at) and at.min() < 0):
        raise ValueError("each cold item needs one id of its own")
    if np.count_nonzero(at >= size) != total - size:
        raise ValueError(f"new items must be numbered from {size} on without a gap")
    if weights.items[at[at < size]].any():
        raise ValueError("a learned item is not cold: its row would be overwritten")
    made = weights.as_dict()
    for name in ("items", "history", "themes", "bias"):
        table = np.zeros((total, *made[name].shape[1:]), np.float32)
        table[:size] = made[name]
        table[at] = getattr(rows, name)
        made[name] = table
    cold = np.zeros(total, bool)
    cold[at] = True
    return Extended(Weights(**made), cold)


def _moment(rows: Float64, weights: Float64) -> Float64:
    return (rows * weights[:, None]).T @ rows / weights.sum()


def _persona_moment(encoder: PersonaEncoder, histories: Histories) -> Float64:
    """Second moment of the personas of at most :data:`_USERS` training users, spread over all of them."""
    chosen = np.flatnonzero(histories.lengths)[:: max(1, np.count_nonzero(histories.lengths) // _USERS)]
    personas = encoder.encode(Histories.of([histories.row(u) for u in chosen]))
    vectors = personas.vectors.reshape(-1, personas.vectors.shape[2]).astype(np.float64)
    return _moment(vectors, personas.weights.ravel().astype(np.float64))
