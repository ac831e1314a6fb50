"""Recommendation turns of real conversations: is what a person recommended in the list?

A turn is what was said so far and the titles that the answer recommended. All items of the source are ranked, those that were
mentioned before are removed (He et al., CIKM 2023, section 4: without that, repeating a title looks like
recommending), and Recall@N is the share of the recommended titles among the first N. Tastes come from ratings of another source
whose titles are the same; no conversation is trained on, and nothing is chosen on the turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from agent.chat.dialogue import Dialogue, TurnState
from agent.chat.person import Person
from agent.llm.loop import run
from agent.memory.people import Kind, Said
from agent.recommender import Recommender
from retrieval.arrays import Float64, Int32
from retrieval.artifacts import Model, build
from retrieval.datasets import load
from retrieval.datasets.dataset import Dataset
from retrieval.datasets.table import read_table
from retrieval.errors import DataError
from retrieval.personas.training import TrainingConfig, train
from retrieval.schema import Histories
from retrieval.text import TextIndex
from retrieval.text_encoder import SentenceEncoder
from retrieval.text_train import place_cold
from retrieval.titles import spelled

CUTOFFS = (1, 5, 10, 50)
POPULARITY, WORDS, TASTES, SERVED, BOTH = (
    "popularity", "text search of what was said", "tastes of what was mentioned", "the conversation, as served",
    "as served, mentions liked",
)  # fmt: skip
_COLUMNS = ("context", "rec")
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Turn:
    """One recommendation turn.

    Attributes:
        said: What the seeker said so far, oldest first.
        mentioned: Internal ids of titles mentioned before.
        truth: Internal ids of the titles that were recommended then.
    """

    said: tuple[str, ...]
    mentioned: Int32
    truth: Int32


def joined(items: Path, tastes: Dataset, folder: Path) -> Dataset:
    """The items of a source with another's ratings of the same titles.

    Raises:
        DataError: No title is the same.
    """
    table = read_table(items)
    alone = load_items(table, folder)
    place = {spelled(title): item_id for title, item_id in zip(alone.titles, alone.ids, strict=True)}
    ids = [place.get(spelled(title)) for title in tastes.catalog.titles]
    rows = tastes.interactions
    same = pl.Series("item_id", ids, pl.String).gather(rows.items)
    likes = pl.DataFrame({"user_id": pl.Series(tastes.interactions.user_ids).gather(rows.users), "item_id": same})
    likes = likes.drop_nulls()
    if likes.is_empty():
        raise DataError(
            f"no title of {items} is one of {tastes.name}", "give ratings of the same kind of items: --data"
        )
    likes.write_parquet(folder / "interactions.parquet")
    return load(folder)


@dataclass(frozen=True)
class _Items:
    titles: list[str]
    ids: list[str]


def load_items(table: pl.DataFrame, folder: Path) -> _Items:
    """Write a table of items where the loader expects it, and tell its titles and ids.

    Raises:
        DataError: It has no column of ids or titles.
    """
    names = {name.lower(): name for name in table.columns}
    item = next((names[n] for n in ("item_id", "movie_id", "id") if n in names), None)
    title = next((names[n] for n in ("title", "name") if n in names), None)
    if item is None or title is None:
        raise DataError(f"--items: needs an id and a title, has {', '.join(table.columns)}", "rename its columns")
    table = table.rename({item: "item_id", title: "title"}).with_columns(pl.col("item_id").cast(pl.String))
    table.write_parquet(folder / "items.parquet")
    return _Items(table["title"].to_list(), table["item_id"].to_list())


def read_turns(path: Path, model: Model, most: int | None = None) -> list[Turn]:
    """Recommendation turns of a table of ``context`` (what was said, the seeker last), ``rec`` and, if it has it, ``entity``.

    Turns whose titles have all been mentioned are left out; more than ``most`` are thinned out evenly.

    Raises:
        DataError: A column is missing, or no turn is left.
    """
    table = read_table(path)
    if missing := [name for name in _COLUMNS if name not in table.columns]:
        raise DataError(f"{path}: no column {missing[0]!r}; it has {', '.join(table.columns)}", "rename its columns")
    place = {spelled(title): i for i, title in enumerate(model.catalog.titles)}
    turns: list[Turn] = []
    for row in table.iter_rows(named=True):
        said = [text for text in row["context"][::-1][::2][::-1] if text]
        before = _found(place, row.get("entity") or ())
        truth = np.setdiff1d(_found(place, row["rec"]), before).astype(np.int32)
        if said and len(truth):
            turns.append(Turn(tuple(said), before, truth))
    if not turns:
        raise DataError(f"{path}: no turn recommends an item of the catalogue", "give the items of the same source")
    return turns if most is None else turns[:: max(1, -(-len(turns) // most))]


def evaluate_conversations(
    turns: Sequence[Turn], model: Model, words: TextIndex, progress: Progress
) -> dict[str, Float64]:
    """``(turns, cut-offs)`` recall of each way."""
    top = max(CUTOFFS)
    popular = np.argsort(-model.catalog.counts, kind="stable").astype(np.int32)
    recommender = Recommender(model)
    dialogue = Dialogue(recommender)
    out = {way: np.zeros((len(turns), len(CUTOFFS))) for way in (POPULARITY, WORDS, TASTES, SERVED, BOTH)}
    for n, turn in enumerate(turns):
        ids = [model.catalog.item_ids[i] for i in turn.mentioned]
        gone = [f"id:{i}" for i in ids]
        hits = words.search([" ".join(turn.said)], top, seen=Histories.of([turn.mentioned])).items[0]
        tastes = recommender.recommend("", like=gone, k=top) if gone else None
        lists = {
            POPULARITY: popular[~np.isin(popular, turn.mentioned)][:top],
            WORDS: hits[hits >= 0],
            TASTES: popular if tastes is None else _positions(model, [i.item_id for i in tastes.items]),
            SERVED: _conversed(dialogue, turn, ids, liked=False),
            BOTH: _conversed(dialogue, turn, ids, liked=True),
        }
        for way, listed in lists.items():
            ranked = listed[~np.isin(listed, turn.mentioned)]
            found = [np.isin(turn.truth, ranked[:cut]).mean() for cut in CUTOFFS]
            out[way][n] = found
        progress("conversations", n + 1, len(turns))
    return out


def _conversed(dialogue: Dialogue, turn: Turn, mentioned: Sequence[str], *, liked: bool) -> Int32:
    """The last list of a conversation in which only the seeker's messages are answered."""
    person = Person("", of_the_data=False)
    if liked:
        person = person.after(tuple(Said(item, Kind.LIKE) for item in mentioned))
    states: list[TurnState] = []
    for message in turn.said:
        reply = run(dialogue.respond(message[:4000], person, states))
        person = person.after(reply.feedback)
        states.append(reply.state)
    wish = states[-1].wish
    last = wish.model_copy(update={"k": max(CUTOFFS), "shown": tuple(dict.fromkeys([*wish.shown, *mentioned]))})
    slate = run(dialogue.again(last, person, lam=None))
    return _positions(dialogue.recommender.model, [item.item_id for item in slate.items])


def trained(
    items: Path, tastes: Dataset, encoder: SentenceEncoder, cache: Path | None, progress: Progress
) -> tuple[Model, TextIndex]:
    """The product's model of a source's items and another's ratings, as ``train`` would make it."""
    with TemporaryDirectory() as place:
        dataset = joined(items, tastes, Path(place))
    words = TextIndex.build(dataset.catalog, encoder, cache=cache, progress=progress)
    progress("tastes: training", 0, 1)
    likes = dataset.interactions.histories()
    shares = dataset.catalog.axis().share if dataset.catalog.has_labels() else None
    made = train(likes, len(dataset.catalog), TrainingConfig(), categories=shares)
    return build(dataset, place_cold(made, dataset, likes, words), words=words), words


def _found(place: dict[str, int], titles: Sequence[str]) -> Int32:
    return np.unique([place[name] for title in titles if (name := spelled(title)) in place]).astype(np.int32)


def _positions(model: Model, ids: Sequence[str]) -> Int32:
    return model.catalog.positions(list(ids))
