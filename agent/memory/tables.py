"""The tables. Every row of a person's carries the tenant; nothing is read without one."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

metadata = MetaData()

_Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up by itself only on INTEGER

feedback = Table(
    "feedback",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("tenant", String(100), nullable=False),
    Column("user_id", String(400), nullable=False),
    Column("item_id", String(400), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("value", Float, nullable=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("feedback_of_user", "tenant", "user_id", "id"),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(100), nullable=False),
    Column("user_id", String(400), nullable=False),
    Column("started", DateTime(timezone=True), nullable=False),
    Index("conversations_of_user", "tenant", "user_id"),
)

turns = Table(
    "turns",
    metadata,
    Column("conversation_id", String(64), ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("said", Text, nullable=False),
    Column("reply", Text, nullable=False),
    Column("state", JSON, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("conversation_id", "number"),
    Index("turns_by_fingerprint", "fingerprint"),
)

exposures = Table(
    "exposures",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("tenant", String(100), nullable=False),
    Column("user_id", String(400), nullable=False),
    Column("experiment", String(100), nullable=False),
    Column("arm", String(100), nullable=False),
    Column("ranker", String(20), nullable=False),
    Column("ms", Float, nullable=True),
    Column("items", JSON, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("exposures_of_user", "tenant", "user_id"),
    Index("exposures_of_experiment", "experiment"),
)

deletions = Table(
    "deletions",
    metadata,
    Column("person", String(64), primary_key=True),
    Column("mark", String(32), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("tenant", String(100), nullable=False),
    Column("name", String(200), nullable=False),
    Column("scopes", String(200), nullable=False),
    Column("per_minute", Integer, nullable=True),
    Column("made", DateTime(timezone=True), nullable=False),
    Column("revoked", DateTime(timezone=True), nullable=True),
)
