"""Requests that no rule reads: found by meaning, kept through a conversation, denied by their words."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from agent.chat.about import find_about
from agent.chat.categories import CategoryWords
from agent.chat.dialogue import Dialogue
from agent.chat.negation import Scopes
from agent.chat.person import Person
from agent.llm.loop import run
from agent.meaning import Meaning, MeaningConfig
from agent.recommender import Recommender, RecommenderConfig
from retrieval.artifacts import load, save
from retrieval.datasets import BUNDLED
from retrieval.errors import DataError
from retrieval.schema import Catalog
from retrieval.text import TextIndex
from retrieval.text_said import SaidWords
from retrieval.text_train import place_cold, read_words, tags_of, with_tags
from tests.agent.conftest import SUBMARINES


@pytest.fixture(scope="module")
def recommender(worded):
    return Recommender(worded)


@pytest.mark.parametrize(
    ("request_text", "wanted", "unwanted"),
    [
        ("a film about submarines", "submarines", ()),
        ("Hi, can you recommend something good for tonight please?", "", ()),
        ("surprise me", "", ()),
        ("comedies with dinosaurs, but no zombies", "dinosaurs", ("zombies",)),
        ("time travel films from the 90s", "time travel", ()),
        ("I had a good time last time", "", ()),
        ("heist films", "", ()),
        ("a heist gone wrong", "heist gone wrong", ()),
        ("something dark with a twist", "dark twist (Horror, Thriller, Crime, Film-Noir, War, Mystery)", ()),
        ("I'm looking for 5 horror movies", "", ()),
        ("no spiders or snakes", "", ("spiders", "snakes")),
        ("something like Zorblax Returns", "", ()),
        ("I liked Alien, set in space", "space", ()),
    ],
)
def test_what_is_left_of_a_request(recommender, request_text, wanted, unwanted):
    reading = recommender.reader.read(request_text)
    assert (" ".join(reading.about), reading.silent) == (wanted, unwanted)


def test_a_long_story_is_searched_for_by_its_beginning(catalog):
    words = " ".join(f"word{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(60))
    found = find_about(words, Scopes(words), CategoryWords(catalog), ())
    assert len(found.wanted.split()) == 24


def test_without_what_items_say_nothing_is_searched_for(model):
    plain = Recommender(model)
    assert plain.reader.read("a film about submarines").about == ()
    assert not Meaning(None, MeaningConfig()).ready


def test_words_bring_what_no_rule_reads(recommender):
    titles = [item.title for item in recommender.recommend("a film about submarines", user="1", k=10).items]
    without = [item.title for item in recommender.recommend("", user="1", k=10).items]
    assert SUBMARINES & set(titles)
    assert not SUBMARINES & set(without)


def test_words_that_nothing_is_about_change_nothing(recommender):
    asked = recommender.recommend("qwrtzp xkcdq", user="1", k=10)
    assert [i.item_id for i in asked.items] == [i.item_id for i in recommender.recommend("", user="1", k=10).items]


def test_the_target_moves_with_the_words(worded):
    def target(weight):
        config = RecommenderConfig(meaning=MeaningConfig(weight=weight))
        return Recommender(worded, None, config).recommend("submarines at war", user="1", k=10).target.get("War", 0.0)

    assert target(0.9) > target(0.5) > target(0.0)


def test_what_must_not_be_said_is_never_there(recommender, catalog):
    said = SaidWords(catalog)
    banned = set(np.array(catalog.item_ids)[said.mask(["zombies"])])
    assert banned
    slate = recommender.recommend("horror comedies, no zombies", k=100)
    assert not banned & {item.item_id for item in slate.items}
    assert slate.understood["not_about"] == ["zombies"]


def test_a_short_word_is_no_part_of_a_longer_one(catalog):
    said = SaidWords(catalog)
    cars = {catalog.titles[i] for i in np.flatnonzero(said.mask(["cars"]))}
    assert "Cars (2006)" in cars
    assert not any("Care" in title for title in cars)


def test_a_conversation_keeps_and_takes_back_what_it_is_about(recommender):
    dialogue, person, states = Dialogue(recommender), Person("1"), []
    for said, about in (
        ("a film about submarines", ["submarines"]),
        ("older", ["submarines"]),
        ("with a mutiny", ["submarines", "mutiny"]),
        ("forget the submarines", ["mutiny"]),
        ("start over", None),
    ):
        reply = run(dialogue.respond(said, person, states))
        states.append(reply.state)
        assert reply.understood.get("about") == about, (said, reply.text)


def test_an_item_that_nobody_liked_is_found_by_its_words(worded, dataset, catalog):
    placed = replace(worded, encoder=place_cold(worded.encoder, dataset, dataset.histories(), worded.words))
    cold = int(next(i for i in np.flatnonzero(catalog.counts == 0) if worded.words.vectors[i].any()))
    assert not worded.encoder.known[cold] and placed.encoder.known[cold]
    assert np.array_equal(
        placed.encoder.weights.items[catalog.counts > 0], worded.encoder.weights.items[catalog.counts > 0]
    )
    name = catalog.titles[cold].rsplit(" (", 1)[0].lower()
    recommender = Recommender(placed, None, RecommenderConfig(meaning=MeaningConfig(weight=0.9)))
    slate = recommender.recommend(f"about {name}", user="1", k=20)
    assert catalog.item_ids[cold] in [item.item_id for item in slate.items]
    liked = recommender.recommend(like=[f"id:{catalog.item_ids[cold]}"], k=5)
    assert not liked.cold_start  # what it says speaks for who likes it


def test_a_saved_model_keeps_its_words(worded, tmp_path):
    kept = load(save(worded, tmp_path / "m"))
    assert np.array_equal(kept.words.vectors, worded.words.vectors)
    path = tmp_path / "m" / "words.safetensors"
    blob = bytearray(path.read_bytes())
    blob[-5] ^= 1
    path.write_bytes(blob)
    with pytest.raises(DataError, match=r"words\.safetensors: missing or damaged"):
        load(tmp_path / "m")


def test_tags_beside_the_data_are_words_of_the_items(dataset, tmp_path):
    tagged = with_tags(dataset, BUNDLED)
    assert "time travel" in {tag for own in tagged.catalog.table["tags"].to_list() for tag in own}
    assert with_tags(tagged, BUNDLED) is tagged
    (tmp_path / "tags.csv").write_text("a,b\n1,2\n", encoding="utf-8")  # a table of another kind
    assert with_tags(dataset, str(tmp_path)) is dataset
    with pytest.raises(DataError, match="needs the columns item_id and tag"):
        tags_of(dataset.catalog, str(tmp_path), tmp_path / "tags.csv")


def test_a_catalogue_of_ids_has_no_words(dataset):
    table = dataset.catalog.table.head(30)
    bare = pl.Series([[] for _ in range(30)], dtype=pl.List(pl.String))
    silent = table.with_columns(title=table["item_id"], year=pl.lit(None, table["year"].dtype), categories=bare)
    assert read_words(replace(dataset, catalog=Catalog(silent)), "all-minilm-l6-v2") is None


def test_what_is_said_again_is_not_encoded_again(worded, monkeypatch):
    words = TextIndex(worded.words.vectors, worded.words.encoder)
    first = words.search(["submarines", "a heist"], 5)
    asked = []
    encode = words.encoder.encode
    monkeypatch.setattr(words.encoder, "encode", lambda texts: asked.extend(texts) or encode(texts))
    again = words.search(["a heist", "pirates", "submarines", "pirates"], 5)
    assert asked == ["pirates"]
    np.testing.assert_array_equal(again.items[[2, 0]], first.items)
    np.testing.assert_array_equal(again.items[1], again.items[3])
    assert words.search([], 5).items.shape[0] == 0
