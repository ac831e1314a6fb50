"""What is known of an item before anybody has touched it, as one row of numbers: words, categories, year.

    x_j = [ z_j,  p(g|j) for every category g,  s exp(-(year_j - c_r)^2 / 2 h^2) for r = 1..R ]

z_j is the unit embedding of the item's sentence. The bumps stand at quantiles c_r of the catalogue's years and are as
wide as these lie apart, so that near years look alike whatever span the catalogue covers. What an item lacks is zeros.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrieval.arrays import Float32, Float64
from retrieval.schema import Catalog

_BUMPS = 10
_YEAR_SCALE = 0.3
"""A sentence and a set of shares have at most unit length; ten overlapping bumps of this height have about it too."""


@dataclass(frozen=True, slots=True)
class FeatureSpace:
    """The coordinates, fixed by one catalogue so that items of tomorrow are described in the same ones.

    Attributes:
        labels: Categories with a coordinate each; an item's others are left out.
        centres: ``(R,)`` years at which bumps stand; none if the catalogue's years do not differ.
    """

    labels: tuple[str, ...]
    centres: Float64

    @classmethod
    def of(cls, catalog: Catalog) -> FeatureSpace:
        """The space of a catalogue."""
        years = _years(catalog)
        years = years[np.isfinite(years)]
        spread = len(np.unique(years)) > 1
        centres = np.quantile(years, np.linspace(0.05, 0.95, _BUMPS)) if spread else np.empty(0)
        labels = catalog.axis().labels if catalog.has_labels() else ()
        return cls(labels, centres.astype(np.float64))

    def rows(self, catalog: Catalog, embeddings: Float32) -> Float32:
        """``(M, F)`` features of the items of a catalogue, which need not be the one that fixed the space.

        Args:
            catalog: M items.
            embeddings: ``(M, D)`` of their sentences; zeros where nothing is said.

        Raises:
            ValueError: There is not one embedding per item.
        """
        if len(embeddings) != len(catalog):
            raise ValueError(f"{len(embeddings)} embeddings for {len(catalog)} items")
        shares = np.zeros((len(catalog), len(self.labels)))
        if self.labels:
            axis = catalog.axis()
            place = {label: g for g, label in enumerate(self.labels)}
            for column, label in enumerate(axis.labels):
                if label in place:
                    shares[:, place[label]] = axis.share[:, [column]].toarray()[:, 0]
        return np.concatenate([embeddings, shares, self._bumps(_years(catalog))], axis=1).astype(np.float32)

    def _bumps(self, years: Float64) -> Float64:
        if not len(self.centres):
            return np.empty((len(years), 0))
        width = max(float(np.ptp(self.centres)) / (len(self.centres) - 1), 1.0)
        distance = (np.where(np.isfinite(years), years, np.inf)[:, None] - self.centres) / width
        return _YEAR_SCALE * np.exp(-0.5 * distance**2)


def _years(catalog: Catalog) -> Float64:
    return catalog.table["year"].cast(float).fill_null(float("nan")).to_numpy()
