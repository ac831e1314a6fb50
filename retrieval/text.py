"""Items by the words that describe them: embeddings of what they say, searched by cosine."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cachetools import LRUCache

from retrieval.arrays import Bool, Float32, Int32
from retrieval.errors import DataError
from retrieval.index import ItemIndex
from retrieval.schema import Catalog, Histories
from retrieval.text_cache import embed
from retrieval.text_encoder import Progress, SentenceEncoder
from retrieval.text_store import load_arrays, save_arrays
from retrieval.text_words import sentences

_ENCODER = "encoder"
_AGAIN = "train again: polytaste train --out FOLDER"
_KEPT = 4096  # encodings of what was searched for; some megabytes


@dataclass(frozen=True, slots=True)
class TextHits:
    """What a search by words found for B queries, best first.

    Attributes:
        items: ``(B, n)`` internal ids; :data:`retrieval.schema.NO_ITEM` pads short rows.
        scores: ``(B, n)`` cosines; ``-inf`` in the padding.
        queries: ``(B, D)`` unit vectors of the texts.
    """

    items: Int32
    scores: Float32
    queries: Float32


class TextIndex:
    """Embeddings of a catalogue's sentences, and the search over them.

    Args:
        vectors: ``(M, D)`` unit vectors by internal id; zeros where an item says nothing, which is never found.
        encoder: Made them, and encodes what is searched for.
    """

    def __init__(self, vectors: Float32, encoder: SentenceEncoder) -> None:
        self.vectors = vectors
        self.encoder = encoder
        self._said: LRUCache[str, Float32] = LRUCache(_KEPT)
        self._lock = threading.Lock()
        spoken = np.flatnonzero(vectors.any(axis=1)).astype(np.int32)
        self._index = ItemIndex(vectors[spoken], spoken, len(vectors))

    @classmethod
    def build(
        cls,
        catalog: Catalog,
        encoder: SentenceEncoder,
        *,
        columns: Sequence[str] | None = None,
        cache: Path | None = None,
        progress: Progress | None = None,
    ) -> TextIndex:
        """Embed a catalogue.

        Args:
            catalog: The items.
            encoder: Turns sentences into vectors.
            columns: What speaks beside title, year and categories; see :func:`retrieval.text_words.sentences`.
            cache: Folder of embeddings made before.
            progress: Told how far the encoding is.

        Raises:
            NotFoundError: There is no such column of words.
            DataError: No item says anything.
        """
        said = sentences(catalog, columns)
        if not any(said):
            raise DataError(
                "no item of the catalogue says anything in words", "give a file of items with titles: --items FILE"
            )
        vectors = embed(encoder, said, cache, progress)
        return cls(np.where(np.array([bool(s) for s in said])[:, None], vectors, np.float32(0.0)), encoder)

    def __len__(self) -> int:
        """Items that can be found."""
        return len(self._index)

    def search(
        self, texts: Sequence[str], n: int, *, allowed: Bool | None = None, seen: Histories | None = None
    ) -> TextHits:
        """The n items whose words are nearest to each of B texts.

        Args:
            texts: What is searched for.
            n: Items per text.
            allowed: ``(M,)`` items that may be found; None allows every one.
            seen: B histories whose items are left out for their own text.
        """
        queries = self._encoded(texts)
        items, scores = self._index.search(queries[:, None], n, allowed=allowed, seen=seen)
        return TextHits(items[:, 0], scores[:, 0], queries)

    def _encoded(self, texts: Sequence[str]) -> Float32:
        """``(B, D)``: people say the same again and again, and an encoding costs more than the rest of a request."""
        with self._lock:
            known = {text: self._said[text] for text in texts if text in self._said}
        if new := [text for text in dict.fromkeys(texts) if text not in known]:
            fresh = dict(zip(new, self.encoder.encode(new), strict=True))
            known |= fresh
            with self._lock:
                self._said.update(fresh)
        return np.array([known[text] for text in texts], np.float32).reshape(len(texts), self.encoder.dimension)

    def cosines(self, queries: Float32, items: Int32) -> Float32:
        """``(B, n)`` exact cosines of given items; an item without words has 0.

        Args:
            queries: ``(B, D)`` unit vectors.
            items: ``(B, n)`` valid internal ids.
        """
        return np.matmul(self.vectors[items], queries[:, :, None])[:, :, 0]

    def save(self, path: Path) -> None:
        """Write the vectors with a checksum and the encoder's fingerprint."""
        save_arrays(path, {"vectors": self.vectors}, {_ENCODER: self.encoder.fingerprint})

    @classmethod
    def load(cls, path: Path, encoder: SentenceEncoder, n_items: int) -> TextIndex:
        """Read what :meth:`save` wrote.

        Raises:
            NotFoundError: There is no such file.
            DataError: It is damaged, was made by another encoder, or holds another number of items.
        """
        arrays, facts = load_arrays(path)
        if facts.get(_ENCODER) != encoder.fingerprint:
            raise DataError(f"{path}: made by another sentence encoder than {encoder.model!r}", _AGAIN)
        if len(arrays["vectors"]) != n_items:
            raise DataError(f"{path}: {len(arrays['vectors'])} vectors for {n_items} items", _AGAIN)
        return cls(arrays["vectors"], encoder)
