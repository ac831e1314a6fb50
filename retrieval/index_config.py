"""What is asked of an index, and what was made: the choice of kind by size, and the card that goes with the artefact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["flat", "hnsw", "ivf", "ivfpq"]


class IndexConfig(BaseModel):
    """How item vectors are indexed. The defaults were measured: docs/decisions/0004-index.md."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["auto", "flat", "hnsw", "ivf", "ivfpq"] = Field(default="auto", description="auto goes by size")
    target_recall: float = Field(default=0.99, gt=0, le=1, description="of the exact best `depth`, at build time")
    depth: int = Field(default=100, ge=1, description="items per query at which recall is measured")
    sample: int = Field(default=256, ge=2, description="queries of each source that recall is measured on")
    flat_up_to: int = Field(default=200_000, ge=0, description="auto: most items that are searched exactly")
    gpu_floats_up_to: int = Field(default=5_000_000, ge=1, description="auto: most items kept as floats, on a GPU")
    lists: int | None = Field(default=None, ge=1, description="cells of an inverted file; None: 4 sqrt(items)")
    links: int = Field(default=32, ge=2, description="HNSW: neighbours of a node")
    construction: int = Field(default=120, ge=8, description="HNSW: breadth of the search that inserts")
    exact_rows: int = Field(default=20_000, ge=1, description="filters that leave at most so many are searched exactly")
    rebuild_share: float = Field(default=0.2, gt=0, le=1, description="added and removed items, of those built on")
    seed: int = Field(default=0, ge=0, description="of cells, codes and the sample of queries")

    def kind_for(self, items: int, *, on_gpu: bool = False) -> Kind:
        """The kind for a catalogue of this size.

        Beyond exact search, cells with four-bit codes: the fastest at equal recall and the smallest. Codes scanned in
        registers have no GPU twin, so on a GPU cells of floats serve as far as its memory goes. HNSW is never chosen by
        itself: over inner products of clustered vectors its graph missed the target at any effort worth its time.
        """
        if self.kind != "auto":
            return self.kind
        if items <= self.flat_up_to:
            return "flat"
        return "ivf" if on_gpu and items <= self.gpu_floats_up_to else "ivfpq"

    def lists_for(self, items: int) -> int:
        """Cells for a catalogue of this size; never so many that most hold nothing to learn them from."""
        wanted = self.lists if self.lists is not None else round(4 * items**0.5)
        return max(1, min(wanted, items // 8))


@dataclass(frozen=True, slots=True)
class IndexCard:
    """What an index is, and how good it was when it was built; saved with it.

    Attributes:
        kind: Of the structure.
        dimension: Length of a vector.
        items: Vectors it was built on.
        config: What was asked.
        parameters: What was built and how hard it searches: ``lists``, ``nprobe``, ``ef_search``, ``refine`` ...
        recall: Mean recall at ``config.depth`` against exact search, on the worst source of queries.
        bound: ``recall`` less two standard errors: what the target is compared with.
        queries: How many it was measured on; 0 for exact search, whose recall is 1.
        seconds: Build time, with the measurement.
        changed: Items added and removed since.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    kind: Kind
    dimension: int
    items: int
    config: IndexConfig
    parameters: dict[str, int]
    recall: float
    bound: float
    queries: int
    seconds: float
    changed: int = 0

    @property
    def met(self) -> bool:
        """Whether the target was reached."""
        return self.bound >= self.config.target_recall

    @property
    def stale(self) -> bool:
        """Whether so much was added and removed that the structure should be learned again."""
        return self.changed > self.config.rebuild_share * max(self.items, 1)
