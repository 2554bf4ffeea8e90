"""What a pack that was sent is about, so that those who see these regions read of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    about = sa.Column(
        "regions",
        sa.JSON(none_as_null=True),
        nullable=True,
        comment="codes of the regions it is about; empty: the whole company",
    )
    op.add_column("delivery", about)
