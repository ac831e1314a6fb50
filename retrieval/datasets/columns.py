"""Which column of a table plays which role: stated, or recognised by its usual names, and always said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict

from retrieval.errors import ConfigError

# Names that sources use, best first; compared without case and underscores.
_KNOWN: dict[str, tuple[str, ...]] = {
    "user": (
        "user", "userid", "uid", "customer", "customerid", "visitorid", "sessionid", "reviewerid", "account", "accountid",
        "buyer", "buyerid", "client", "clientid", "member", "memberid",
    ),
    "item": (
        "item", "itemid", "movieid", "sid", "product", "productid", "asin", "parentasin", "sku", "bookid", "isbn",
        "trackid", "songid", "artistid", "albumid", "gameid", "articleid", "newsid", "contentid", "venueid",
        "poiid", "businessid", "recipeid", "id",
    ),
    "rating": ("rating", "ratings", "stars", "score", "liked", "value", "count", "plays", "weight", "overall"),
    "time": ("timestamp", "time", "datetime", "date", "ts", "unixreviewtime", "createdat", "seqpos", "position"),
    "title": ("title", "name", "itemname", "productname", "track", "label", "headline"),
    "categories": ("categories", "category", "genres", "genre", "topics", "topic", "type", "department", "tags"),
    "year": ("year", "releaseyear", "publicationyear", "published", "yearpublished", "modelyear", "vintage"),
}  # fmt: skip


_ID = re.compile(r"(?:[_\W](?:id|ID)|[a-z](?:Id|ID))$")
_OF_OTHERS = re.compile(r"^(?:category|genre|session|store|shop|seller|vendor|order|transaction|invoice|event|row|line|review|rating|city|country|region|zip|brand|author|parent|group|device|query|request)\W?_?id$", re.IGNORECASE)  # fmt: skip
"""Ids that tell neither who nor what."""


class Columns(BaseModel):
    """Which column of the files holds what. Unset fields are recognised by their usual names."""

    model_config = ConfigDict(extra="forbid")

    user: str | None = None
    item: str | None = None
    rating: str | None = None
    time: str | None = None
    title: str | None = None
    categories: str | None = None
    year: str | None = None

    def check(self, tables: Mapping[Path, pl.DataFrame]) -> None:
        """Every column that was named must stand in one of the files.

        Raises:
            ConfigError: One stands in none.
        """
        present = {name for table in tables.values() for name in table.columns}
        for role, stated in self:
            if stated is not None and stated not in present:
                files = " and ".join(f"{path.name} ({', '.join(table.columns)})" for path, table in tables.items())
                raise ConfigError(f"no column {stated!r} for {role} in {files}", f"correct --column {role}=NAME")

    def told_by_ids(self, table: pl.DataFrame) -> Columns:
        """With the column of users or of items, where it has no usual name but is the only one of ids that is left: ``course_id``."""
        roles = {role: self.find(table, role, Path()) for role in ("user", "item")}
        missing = [role for role, column in roles.items() if not column]
        ids = [name for name in table.columns if _ID.search(name) and not _OF_OTHERS.match(name)]
        left = [name for name in ids if name not in roles.values()]
        return self.model_copy(update={missing[0]: left[0]}) if len(missing) == len(left) == 1 else self

    def find(self, table: pl.DataFrame, role: str, path: Path, *, required: bool = False) -> str:
        """The column that plays a role; an empty string where there is none.

        Raises:
            ConfigError: It is required and nothing looks like it.
        """
        stated: str | None = getattr(self, role)
        if stated is not None and stated in table.columns:
            return stated
        plain = {re.sub(r"[ _-]", "", name.lower()): name for name in reversed(table.columns)}
        found = next((plain[known] for known in _KNOWN[role] if known in plain), "")
        if required and not found:
            raise ConfigError(
                f"{path} has no column that looks like the {role}; its columns: {', '.join(table.columns)}",
                f"say which one: --column {role}=NAME",
            )
        return found


def roles_note(path: Path, table: pl.DataFrame, roles: Mapping[str, str], missing: Mapping[str, str], rest: str) -> str:
    """One sentence on how a table was read.

    Args:
        path: The file.
        table: Its content.
        roles: Column by role, empty where none plays it; what follows a column's name in brackets is kept.
        missing: What the absence of a role means.
        rest: What becomes of the other columns.
    """
    known = [f"{role} = {column}" for role, column in roles.items() if column]
    absent = [f"no {role} ({missing[role]})" for role, column in roles.items() if not column]
    others = [name for name in table.columns if name not in roles.values()]
    spare = [f"{rest}: {', '.join(others)}"] if others else []
    return f"{path.name}: {', '.join([*known, *absent])}" + "".join(f"; {part}" for part in spare)
