"""A small shop on disk: two kinds of goods, customers of both, and a column that says which set a row is of."""

import numpy as np
import polars as pl

USERS, ITEMS = 80, 60


def write_shop(folder, seed=0):
    """Each customer has ten likes: most of one kind, two of the other; the last is test, the one before validation."""
    draw = np.random.default_rng(seed)
    appeal = 1.0 / np.arange(1, ITEMS // 2 + 1)
    appeal /= appeal.sum()
    rows = []
    for user in range(USERS):
        kind = user % 2
        mine = draw.choice(ITEMS // 2, 8, replace=False, p=appeal) + kind * ITEMS // 2
        other = draw.choice(ITEMS // 2, 2, replace=False, p=appeal) + (1 - kind) * ITEMS // 2
        for at, item in enumerate(draw.permutation(np.concatenate([mine, other]))):
            part = "test" if at == 9 else "valid" if at == 8 else "train"
            rows.append((f"u{user}", f"i{item}", at, part))
    schema = ["user", "item", "time", "part"]
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(folder / "interactions.parquet")
    kinds = [["tea"] if item < ITEMS // 2 else ["tools"] for item in range(ITEMS)]
    pl.DataFrame({"item": [f"i{item}" for item in range(ITEMS)], "categories": kinds}).write_parquet(
        folder / "items.parquet"
    )
    return folder
