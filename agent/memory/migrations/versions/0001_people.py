"""Feedback, conversations and keys."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables. A later change is a step of its own; this one stays as it was."""
    op.create_table(
        "feedback",
        sa.Column("id", _ID, primary_key=True, autoincrement=True),
        sa.Column("tenant", sa.String(100), nullable=False),
        sa.Column("user_id", sa.String(400), nullable=False),
        sa.Column("item_id", sa.String(400), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("value", sa.Float, nullable=True),
        sa.Column("at", _AT, nullable=False),
    )
    op.create_index("feedback_of_user", "feedback", ["tenant", "user_id", "id"])
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("tenant", sa.String(100), nullable=False),
        sa.Column("user_id", sa.String(400), nullable=False),
        sa.Column("started", _AT, nullable=False),
    )
    op.create_index("conversations_of_user", "conversations", ["tenant", "user_id"])
    op.create_table(
        "turns",
        sa.Column("conversation_id", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("reply", sa.Text, nullable=False),
        sa.Column("state", sa.JSON, nullable=False),
        sa.Column("at", _AT, nullable=False),
    )
    op.create_index("turns_by_fingerprint", "turns", ["fingerprint"])
    op.create_table(
        "keys",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("tenant", sa.String(100), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("scopes", sa.String(200), nullable=False),
        sa.Column("per_minute", sa.Integer, nullable=True),
        sa.Column("made", _AT, nullable=False),
        sa.Column("revoked", _AT, nullable=True),
    )
