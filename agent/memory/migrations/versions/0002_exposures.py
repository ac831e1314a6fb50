"""Lists that were served as part of an experiment."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "exposures",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("tenant", sa.String(100), nullable=False),
        sa.Column("user_id", sa.String(400), nullable=False),
        sa.Column("experiment", sa.String(100), nullable=False),
        sa.Column("arm", sa.String(100), nullable=False),
        sa.Column("ranker", sa.String(20), nullable=False),
        sa.Column("ms", sa.Float, nullable=True),
        sa.Column("items", sa.JSON, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("exposures_of_user", "exposures", ["tenant", "user_id"])
    op.create_index("exposures_of_experiment", "exposures", ["experiment"])
