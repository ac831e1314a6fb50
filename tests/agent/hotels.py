"""A small shop of hotels: places and chains, prices by the night, stars beside a rating of guests, columns of yes and no with gaps."""

import numpy as np
import polars as pl

from retrieval.artifacts import build
from retrieval.datasets.dataset import assemble
from retrieval.personas.training import TrainingConfig, train
from retrieval.text import TextIndex

KINDS = {
    "Beach": "a sea view from the terrace",
    "Ski": "next to the gondola",
    "Spa": "massages and a sauna",
    "Business": "meeting rooms and fast wifi",
    "Historic": "a castle said to be haunted",
}
CITIES = {"Paris": "France", "Berlin": "Germany", "Hamburg": "Germany", "Vienna": "Austria"}
NAMES = ["Astoria", "Central", "Lagoon", "Summit", "Plaza", "Abbey", "Cloister", "Skyline", "Harbour", "Garden"]
USERS = 60


def hotel_shop(encoder, seed=2):
    draw = np.random.default_rng(seed)
    rows = []
    for n, (name, city) in enumerate([(name, city) for name in NAMES for city in CITIES for _ in range(2)]):
        kinds = draw.choice(list(KINDS), draw.integers(1, 3), replace=False).tolist()
        rows.append({
            "item_id": f"h{n}", "title": f"{'Hotel ' if n % 2 else ''}{name} {city}", "categories": kinds, "year": None,
            "city": city, "country": CITIES[city], "chain": ["Alpina Group", "Solvida", "Nordlicht"][int(draw.integers(3))],
            "price": round(float(draw.uniform(40, 250)), 2) if n % 9 else None, "stars": int(draw.integers(2, 6)),
            "rooms": int(draw.integers(10, 400)), "guest_rating": round(float(draw.uniform(6, 10)), 1),
            "distance_to_centre_km": round(float(draw.uniform(0.1, 8)), 1), "pets_allowed": ["yes", "no"][n % 3 == 0],
            "pool": ["yes", "no"][n % 2], "breakfast_included": [None, "yes", "no"][n % 3 if n % 7 else 0],
            "description": f"With {' and '.join(KINDS[kind] for kind in kinds)}.",
        })  # fmt: skip
    likes = []
    for user in range(USERS):
        mine = draw.choice(list(KINDS), 2, replace=False)
        weight = np.array([5.0 if set(mine) & set(row["categories"]) else 1.0 for row in rows])
        booked = draw.choice(len(rows), 8, replace=False, p=weight / weight.sum())
        likes += [(f"u{user}", f"h{item}", 5.0) for item in booked]
    interactions = pl.DataFrame(likes, schema=["user", "item", "value"], orient="row")
    items = pl.DataFrame(rows).with_columns(pl.col("year").cast(pl.Int32))
    data = assemble(name="my hotels", interactions=interactions, items=items, rating="stars_given", like_above=3.5)
    trained = train(data.histories(), len(data.catalog), TrainingConfig(epochs=1), categories=data.catalog.axis().share)
    return build(data, trained, words=TextIndex.build(data.catalog, encoder))
