"""A turn goes with its conversation; a deletion is remembered while what began before it may still be in work."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Remove turns whose conversation was deleted, tie the others to theirs, make the table of deletions."""
    op.execute("DELETE FROM turns WHERE conversation_id NOT IN (SELECT id FROM conversations)")
    with op.batch_alter_table("turns") as turns:  # SQLite has no way but to make the table anew
        turns.create_foreign_key(
            "turns_conversation_id_fkey", "conversations", ["conversation_id"], ["id"], ondelete="CASCADE"
        )
    op.create_table(
        "deletions",
        sa.Column("person", sa.String(64), primary_key=True),
        sa.Column("mark", sa.String(32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
