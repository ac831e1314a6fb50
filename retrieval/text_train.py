"""What training makes of words: the text index, and a place among the tastes for items that nobody has touched."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from retrieval import cold
from retrieval.datasets import BUNDLED
from retrieval.datasets.dataset import Dataset
from retrieval.errors import DataError
from retrieval.personas.encoder import PersonaEncoder
from retrieval.schema import Catalog, Histories
from retrieval.text import TextIndex
from retrieval.text_encoder import Progress, SentenceEncoder
from retrieval.text_tags import read_tags, tagged

_TAGS = ("tags.parquet", "tags.csv")
_COLUMN = "tags"


def with_tags(dataset: Dataset, source: str, given: Path | None = None) -> Dataset:
    """The data with the tags that people gave to items as words of theirs, where there are any; see :func:`tags_of`."""
    if given is None and _COLUMN in dataset.catalog.table.columns:
        return dataset
    tags = tags_of(dataset.catalog, source, given)
    return dataset if tags is None else replace(dataset, catalog=tagged(dataset.catalog, tags))


def tags_of(catalog: Catalog, source: str, given: Path | None = None) -> list[set[str]] | None:
    """Tags by internal id, or None where there are none.

    Args:
        catalog: The items.
        source: Where the data came from: ``tags.parquet`` or ``tags.csv`` beside them is read, if it is such a table.
        given: A file that is named instead.

    Raises:
        DataError: The file that was named is not there, or no table of tags.
    """
    if given is not None:
        return read_tags(given, catalog)
    with as_file(files("retrieval.datasets") / "bundled" / BUNDLED) as bundled:
        place = Path(source)
        folder = bundled if source == BUNDLED and not place.exists() else place if place.is_dir() else place.parent
        found = next((folder / name for name in _TAGS if (folder / name).is_file()), None)
        try:
            return None if found is None else read_tags(found, catalog)
        except DataError:
            return None  # a table of another kind by that name; nobody asked for it


def read_words(
    dataset: Dataset, model: str, cache: Path | None = None, progress: Progress | None = None
) -> TextIndex | None:
    """The text index of a catalogue; None where no item says anything.

    Args:
        dataset: Data.
        model: Sentence encoder: the packaged one, a folder, or a hub name.
        cache: Folder of embeddings made before.
        progress: Told how far the encoding is.

    Raises:
        NotFoundError: There is no such sentence encoder.
    """
    encoder = SentenceEncoder(model)
    try:
        return TextIndex.build(dataset.catalog, encoder, cache=cache, progress=progress)
    except DataError:  # ids alone
        return None


def place_cold(encoder: PersonaEncoder, dataset: Dataset, likes: Histories, words: TextIndex) -> PersonaEncoder:
    """The encoder with predicted rows for the items that nobody has liked and that say something.

    They are found by their words, and then scored for the taste they suit; docs/decisions/0005 says how well.

    Args:
        encoder: Trained.
        dataset: Its data.
        likes: What it was trained on.
        words: Of the same catalogue.
    """
    counts = np.bincount(likes.items, minlength=len(dataset.catalog))
    unknown = np.flatnonzero((counts == 0) & words.vectors.any(axis=1)).astype(np.int32)
    if len(unknown) == 0:
        return encoder
    try:
        fitted = cold.fit(encoder, dataset.catalog, words.vectors, likes)
    except DataError:  # too few learned items for a map
        return encoder
    rows = fitted.predict(Catalog(dataset.catalog.table[unknown]), words.vectors[unknown])
    return PersonaEncoder(encoder.config, cold.extend(encoder.weights, rows, unknown).weights)
