"""Models whose items say something: the bundled films, and a small shop of games."""

from dataclasses import replace

import numpy as np
import pytest

from agent.chat.dialogue import Dialogue
from agent.recommender import Recommender
from retrieval.datasets import BUNDLED
from retrieval.text import TextIndex
from retrieval.text_encoder import SentenceEncoder
from retrieval.text_train import with_tags
from retrieval.text_words import sentences
from tests.agent.games import game_shop
from tests.agent.hotels import hotel_shop

SPOKEN = 700
SUBMARINES = {
    "Boot, Das (Boat, The) (1981)",
    "Submarine (2010)",
    "Hunt for Red October, The (1990)",
    "Crimson Tide (1995)",
}


@pytest.fixture(scope="session")
def words_of_items():
    return SentenceEncoder()


@pytest.fixture(scope="session")
def worded(model, catalog, words_of_items):
    """The bundled model in which the most liked items, a few about submarines and some that nobody liked say what they are."""
    spoken = set(np.argsort(-catalog.counts)[:SPOKEN].tolist())
    spoken |= {i for i, title in enumerate(catalog.titles) if title in SUBMARINES}
    spoken |= set(np.flatnonzero(catalog.counts == 0)[:60].tolist())
    said = sentences(catalog)
    rows = sorted(spoken)
    vectors = np.zeros((len(catalog), words_of_items.dimension), np.float32)
    vectors[rows] = words_of_items.encode([said[i] for i in rows])
    return replace(model, words=TextIndex(vectors, words_of_items))


@pytest.fixture(scope="session")
def games_shop(words_of_items):
    """A small shop of games, trained, whose items say what they are."""
    return game_shop(words_of_items)


@pytest.fixture(scope="session")
def hotels_shop(words_of_items):
    """A small shop of hotels, trained, whose items say what they are."""
    return hotel_shop(words_of_items)


@pytest.fixture(scope="session")
def shop(games_shop):
    """The shop of games, spoken to."""
    return Dialogue(Recommender(games_shop))


@pytest.fixture(scope="session")
def hotels(hotels_shop):
    """The shop of hotels, spoken to."""
    return Dialogue(Recommender(hotels_shop))


@pytest.fixture(scope="session")
def films(worded, dataset):
    """The bundled films with their tags, spoken to."""
    return Dialogue(Recommender(replace(worded, catalog=with_tags(dataset, BUNDLED).catalog)))
