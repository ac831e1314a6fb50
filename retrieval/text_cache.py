"""Embeddings that are made once: kept by the hash of the sentence, in one file per encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retrieval.arrays import Float32
from retrieval.errors import DataError, NotFoundError
from retrieval.text_encoder import Progress, SentenceEncoder
from retrieval.text_store import load_arrays, save_arrays

_Known = dict[bytes, Float32]


def embed(
    encoder: SentenceEncoder, texts: Sequence[str], cache: Path | None = None, progress: Progress | None = None
) -> Float32:
    """``(B, D)`` unit vectors of the texts; each different text is encoded once.

    Args:
        encoder: Makes those that are not in the cache.
        texts: B sentences.
        cache: Folder of embeddings, safe to delete; None keeps none. A damaged file in it is made again. Two processes
            that write at once lose what one of them added, never more.
        progress: Told how far the encoding is.
    """
    digests = [hashlib.sha256(text.encode()).digest() for text in texts]
    place = None if cache is None else cache / f"{encoder.fingerprint[:32]}.safetensors"
    known = _read(place)
    missing = {digest: text for digest, text in zip(digests, texts, strict=True) if digest not in known}
    if missing:
        known.update(zip(missing, encoder.encode(list(missing.values()), progress), strict=True))
        _write(place, known)
    return np.array([known[digest] for digest in digests], np.float32).reshape(-1, encoder.dimension)


def _read(place: Path | None) -> _Known:
    if place is None:
        return {}
    try:
        arrays, _ = load_arrays(place)
        return dict(zip((bytes(row) for row in arrays["sentences"]), arrays["vectors"], strict=True))
    except (NotFoundError, DataError, KeyError, ValueError):
        return {}  # what is not whole is made again


def _write(place: Path | None, known: _Known) -> None:
    if place is None:
        return
    sentences = np.frombuffer(b"".join(known), np.uint8).reshape(len(known), -1)
    save_arrays(place, {"sentences": sentences, "vectors": np.stack(list(known.values()))}, {})
