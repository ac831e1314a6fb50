"""A small shop of board games with prices, players, minutes, ages and what is in stock, and its customers."""

import numpy as np
import polars as pl

from retrieval.artifacts import build
from retrieval.datasets.dataset import assemble
from retrieval.personas.training import TrainingConfig, train
from retrieval.text import TextIndex

KINDS = {
    "Strategy": "empires and trade",
    "Party": "laughing and drawing",
    "Family": "animals and simple rules",
    "Wargame": "battles and troops",
    "Horror": "zombies and a haunted house",
    "Cooperative": "rescue as a team",
}
MAKERS = ["Kosmos", "Lookout", "GMT Games", "Stonemaier"]
FIRST = ["Golden", "Lost", "Iron", "Silent", "Crimson", "Northern", "Broken", "Winter"]
SECOND = ["Harbour", "Railway", "Temple", "Orchard", "Submarine", "Castle", "Market", "Forest"]
USERS = 80


def game_shop(encoder, seed=1):
    draw = np.random.default_rng(seed)
    rows = []
    for n, (a, b) in enumerate([(a, b) for a in FIRST for b in SECOND]):
        kinds = draw.choice(list(KINDS), draw.integers(1, 3), replace=False).tolist()
        least = int(draw.integers(1, 4))
        words = " and ".join(KINDS[kind] for kind in kinds)
        rows.append({
            "item_id": f"g{n}", "title": f"{a} {b}", "categories": kinds, "year": int(draw.integers(1990, 2024)),
            "price": round(float(draw.uniform(8, 90)), 2) if n % 9 else None, "publisher": MAKERS[int(draw.integers(len(MAKERS)))],
            "min_players": least, "max_players": least + int(draw.integers(0, 5)), "play_minutes": int(draw.choice([15, 30, 45, 60, 90, 120])),
            "min_age": int(draw.choice([4, 6, 8, 10, 12, 14])), "in_stock": ["yes", "no"][int(draw.integers(2))],
            "description": f"A game of {words} set in a {b.lower()}.",
        })  # fmt: skip
    appeal = draw.pareto(1.2, len(rows)) + 0.1
    likes = []
    for user in range(USERS):
        mine = draw.choice(list(KINDS), 2, replace=False)
        weight = appeal * [5.0 if set(mine) & set(row["categories"]) else 1.0 for row in rows]
        bought = draw.choice(len(rows), 12, replace=False, p=weight / weight.sum())
        likes += [(f"c{user}", f"g{item}", 5.0) for item in bought]
    interactions = pl.DataFrame(likes, schema=["user", "item", "value"], orient="row")
    data = assemble(name="games", interactions=interactions, items=pl.DataFrame(rows), rating="stars", like_above=3.5)
    config = TrainingConfig(epochs=1)
    trained = train(data.histories(), len(data.catalog), config, categories=data.catalog.axis().share)
    return build(data, trained, words=TextIndex.build(data.catalog, encoder))
