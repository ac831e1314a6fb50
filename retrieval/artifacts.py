"""A trained model as one folder: tables, index, catalogue, histories, and a manifest with checksums.

Written beside its place and moved there whole, so that a reader never sees half of it; every file is
checked against the manifest on loading, because a flipped bit in an index loads without a word.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.numpy import load_file, save_file

from retrieval.arrays import Int32
from retrieval.candidates import Retriever
from retrieval.datasets.dataset import Dataset
from retrieval.errors import DataError, NotFoundError
from retrieval.index import ItemIndex, build_index
from retrieval.index_checks import in_catalogue
from retrieval.index_config import IndexCard, IndexConfig
from retrieval.index_source import item_vectors, sample_queries
from retrieval.personas.encoder import EncoderConfig, PersonaEncoder, Weights
from retrieval.schema import Catalog, Histories
from retrieval.text import TextIndex
from retrieval.text_encoder import PACKAGED, SentenceEncoder

FORMAT = 4
_MANIFEST = "manifest.json"
_WORDS = "words.safetensors"


class Manifest(BaseModel):
    """What a folder holds, and how it came to be."""

    model_config = ConfigDict(extra="forbid")

    format: int
    dataset: str
    licence: str
    created: datetime
    items: int
    users: int
    likes: int
    encoder: EncoderConfig
    index: IndexCard
    text_model: str = PACKAGED
    sha256: dict[str, str]


@dataclass(frozen=True)
class Model:
    """Everything that serving needs.

    Attributes:
        catalog: The items, with training counts.
        encoder: Histories to personas.
        index: Items that can be found.
        user_ids: External ids of the users known from the data.
        histories: What each of them liked.
        seen: Everything each of them has touched, liked or not: never recommended again.
        dataset: Name of the data.
        licence: What the data's owners ask.
        words: What the items say, to be searched by meaning; None if they were not read.
    """

    catalog: Catalog
    encoder: PersonaEncoder
    index: ItemIndex
    user_ids: tuple[str, ...]
    histories: Histories
    seen: Histories
    dataset: str
    licence: str
    words: TextIndex | None = None

    @cached_property
    def retriever(self) -> Retriever:
        """The first stage over this model."""
        return Retriever(self.encoder, self.index)

    @cached_property
    def alike(self) -> Retriever:
        """The first stage for what should be like given items: nothing stands beside them, however few they are."""
        return Retriever(self.encoder.plain, self.index)

    def history_of(self, user_id: str) -> Int32:
        """Items a known user liked, oldest first.

        Raises:
            NotFoundError: No such user.
        """
        return self.histories.row(self._position(user_id))

    def seen_by(self, user_id: str) -> Int32:
        """Items a known user has touched, liked or not.

        Raises:
            NotFoundError: No such user.
        """
        return self.seen.row(self._position(user_id))

    def knows(self, user_id: str) -> bool:
        """Whether somebody is a user of the data."""
        return user_id in self._user_position

    def _position(self, user_id: str) -> int:
        try:
            return self._user_position[user_id]
        except KeyError:
            raise NotFoundError(
                f"user {user_id!r} is not in {self.dataset}",
                f"known users are like {', '.join(self.user_ids[:3])}; for a new one name liked items: --like TITLE",
            ) from None

    @cached_property
    def _user_position(self) -> dict[str, int]:
        return {user: i for i, user in enumerate(self.user_ids)}


def build(
    dataset: Dataset, encoder: PersonaEncoder, config: IndexConfig | None = None, words: TextIndex | None = None
) -> Model:
    """Put a trained encoder and its data together; only items somebody liked can be found.

    Args:
        dataset: Catalogue and interactions.
        encoder: Trained on them.
        config: How the items are indexed; its recall is measured on personas of the data's users.
        words: What the items say.
    """
    config = config or IndexConfig()
    items = np.flatnonzero(dataset.catalog.counts > 0).astype(np.int32)
    queries = sample_queries(encoder, dataset.histories(), config.sample)
    index = build_index(item_vectors(encoder, items), items, len(dataset.catalog), config, queries=queries)
    histories = dataset.histories()
    everything = dataset.interactions
    return Model(
        dataset.catalog, encoder, index, everything.user_ids, histories, everything.histories(),
        dataset.name, dataset.licence, words,
    )  # fmt: skip


def check_place(folder: Path) -> None:
    """Refuse a place where no model may be written, before the work that leads to one.

    Raises:
        DataError: It is taken by something that is not a model, lies below a file, or may not be written to.
    """
    remedy = "choose another --out folder"
    if folder.is_dir():
        if not (folder / _MANIFEST).is_file() and any(folder.iterdir()):
            raise DataError(f"{folder} exists and is not a polytaste model", remedy)
    elif folder.exists():
        raise DataError(f"{folder} is a file, not a polytaste model", remedy)
    above = next(place for place in folder.absolute().parents if place.exists())
    if not above.is_dir():
        raise DataError(f"{folder} cannot be made: {above} is a file", remedy)
    if not os.access(above, os.W_OK | os.X_OK):
        raise DataError(f"{folder} cannot be written: no permission in {above}", remedy)


def with_items(model: Model, items: Int32) -> Model:
    """The model with more of its catalogue's items to be found; :func:`save` it to keep it.

    Raises:
        DataError: An item can be found already, or is not in the catalogue.
    """
    in_catalogue(items, len(model.catalog))
    return replace(model, index=model.index.add(item_vectors(model.encoder, items), items))


def without_items(model: Model, items: Int32) -> Model:
    """The model with items that are never found again, say those no longer sold; :func:`save` it to keep it.

    Raises:
        NotFoundError: An item could not be found anyway.
    """
    return replace(model, index=model.index.remove(items))


def save(model: Model, folder: Path) -> Path:
    """Write a model; an older one in the same place is replaced at once and whole.

    Raises:
        DataError: No model may be written there; see :func:`check_place`.
    """
    check_place(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".writing-") as scratch:
        made = Path(scratch) / "model"
        made.mkdir()
        save_file(model.encoder.weights.as_dict(), made / "encoder.safetensors")
        model.index.save(made / "items.faiss")
        save_file({"places": model.index.places, "queries": model.index.queries}, made / "items.safetensors")
        if model.words is not None:
            model.words.save(made / _WORDS)
        model.catalog.table.write_parquet(made / "catalog.parquet")
        history = model.histories
        _rows(history).write_parquet(made / "histories.parquet")
        _rows(model.seen).write_parquet(made / "seen.parquet")
        pl.DataFrame({"user": list(model.user_ids)}).write_parquet(made / "users.parquet")
        manifest = Manifest(
            format=FORMAT,
            dataset=model.dataset,
            licence=model.licence,
            created=datetime.now(UTC),
            items=len(model.catalog),
            users=len(model.user_ids),
            likes=len(history.items),
            encoder=model.encoder.config,
            index=model.index.card,
            text_model=PACKAGED if model.words is None else model.words.encoder.model,
            sha256={path.name: _sha256(path) for path in sorted(made.iterdir())},
        )
        (made / _MANIFEST).write_text(manifest.model_dump_json(indent=2), encoding="utf-8")
        mode = (made / _MANIFEST).stat().st_mode
        for path in made.iterdir():  # safetensors' are for their owner alone, and another may be the one who serves
            path.chmod(mode)
        old = Path(scratch) / "old"
        if folder.exists():
            folder.rename(old)
        made.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    return folder


def load(folder: Path) -> Model:
    """Read a model that :func:`save` wrote.

    Raises:
        NotFoundError: There is none.
        DataError: A file is missing, damaged, or of another format.
    """
    if not (folder / _MANIFEST).is_file():
        raise NotFoundError(f"no trained model in {folder}", "run `polytaste train` first, or give --model FOLDER")
    again = f"train again: polytaste train --out {folder}"
    try:
        raw = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        if isinstance(raw, dict) and raw.get("format") != FORMAT:  # first: another version has other fields
            raise DataError(f"{folder}: format {raw.get('format')}, this version reads {FORMAT}", again)
        manifest = Manifest.model_validate(raw)
    except (ValidationError, ValueError) as why:
        reason = why.errors()[0]["msg"] if isinstance(why, ValidationError) else why
        raise DataError(f"{folder / _MANIFEST}: not a manifest ({reason})", again) from why
    for name, expected in manifest.sha256.items():
        path = folder / name
        if not path.is_file() or _sha256(path) != expected:
            raise DataError(f"{path}: missing or damaged (checksum differs)", again)
    catalog = Catalog(pl.read_parquet(folder / "catalog.parquet"))
    encoder = PersonaEncoder(manifest.encoder, Weights(**load_file(folder / "encoder.safetensors")))
    arrays = load_file(folder / "items.safetensors")
    index = ItemIndex.load(
        folder / "items.faiss", arrays["places"], len(catalog), card=manifest.index, queries=arrays["queries"]
    )
    user_ids = tuple(pl.read_parquet(folder / "users.parquet")["user"].to_list())
    histories, seen = (_ragged(folder / name, len(user_ids)) for name in ("histories.parquet", "seen.parquet"))
    words = None
    if _WORDS in manifest.sha256:
        words = TextIndex.load(folder / _WORDS, SentenceEncoder(manifest.text_model), len(catalog))
    return Model(catalog, encoder, index, user_ids, histories, seen, manifest.dataset, manifest.licence, words)


def _rows(histories: Histories) -> pl.DataFrame:
    return pl.DataFrame({"user": histories.owner, "item": histories.items})


def _ragged(path: Path, n_users: int) -> Histories:
    rows = pl.read_parquet(path)
    lengths = np.bincount(rows["user"].to_numpy(), minlength=n_users)
    items = rows["item"].to_numpy().astype(np.int32)
    return Histories(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), items, np.ones(len(items), np.float32))


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
