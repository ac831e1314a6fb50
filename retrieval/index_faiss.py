"""The only module that touches FAISS: one structure over vectors at fixed places, searched by inner product.

A place is the order in which a vector was added. A filter is a mask over places; it becomes an id selector inside the
search, on the coarse level too: an inverted file spends its probes only on cells that hold something allowed. GPU
indexes ignore selectors without a word, so filtered searches on them belong to :mod:`retrieval.index_route`.

Johnson, Douze, Jegou, "Billion-scale similarity search with GPUs", IEEE Trans. Big Data 2019;
Jegou, Douze, Schmid, "Product quantization for nearest neighbor search", TPAMI 2011;
Andre, Kermarrec, Le Scouarnec, "Cache locality is not enough: high-performance nearest neighbor search with product
quantization fast scan", VLDB 2015 (codes of four bits per coordinate, scanned in registers);
Malkov, Yashunin, "Efficient and robust approximate nearest neighbor search using HNSW", TPAMI 2020.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from retrieval import threads as _threads  # noqa: F401  # pyright: ignore[reportUnusedImport]  (must be imported before FAISS loads OpenMP)
from retrieval.arrays import Bool, Float32, Int64
from retrieval.errors import DataError
from retrieval.index_config import IndexConfig, Kind

try:
    import faiss
except ModuleNotFoundError as _missing:  # the wheel is a choice of hardware, so it lives in the extras
    raise DataError("FAISS is not installed", "install the extra 'cpu' (faiss-cpu) or 'gpu' (faiss-gpu)") from _missing

_faiss: Any = faiss  # its stubs do not describe its Python layer

MOST_RESULTS = 2048  # and most probes, that a GPU index accepts; a walk over a graph for more is slower than a scan
_MOST_EF = 4096  # beyond it a graph is slower than exact search
_POINTS_PER_CELL = 64  # to learn cells from: k-means on all of a million vectors takes minutes and gains nothing
_KINDS: dict[str, Kind] = {
    "IndexFlat": "flat",
    "IndexFlatIP": "flat",
    "IndexHNSWFlat": "hnsw",
    "IndexIVFFlat": "ivf",
    "IndexRefine": "ivfpq",
}


class Engine:
    """A FAISS index, its kind, and how hard it searches.

    Attributes:
        kind: Of the structure.
        effort: Cells probed (``ivf``, ``ivfpq``) or breadth of the walk (``hnsw``).
        refine: ``ivfpq``: candidates per result that are scored again with their half-precision vectors.
    """

    def __init__(self, index: Any, kind: Kind, effort: int = 1, refine: int = 1) -> None:
        self._index = index
        self.kind: Kind = kind
        self.effort = effort
        self.refine = refine
        self._device = _on_device(index) if kind in {"flat", "ivf"} else None  # the others have no twin there
        self._cells: Int64 | None = None  # the cell of each place
        if kind in {"ivf", "ivfpq"}:
            self._cells = _faiss.vector_to_array(_inverted(index, kind).direct_map.array) >> 32

    @classmethod
    def build(cls, vectors: Float32, kind: Kind, config: IndexConfig) -> Engine:
        """Learn the structure from ``(m, d)`` vectors and put them in."""
        lists, d = config.lists_for(len(vectors)), vectors.shape[1]
        recipe = {
            "flat": "Flat",
            "hnsw": f"HNSW{config.links}",
            "ivf": f"IVF{lists},Flat",
            "ivfpq": f"IVF{lists},PQ{d}x4fsr,Refine(SQfp16)",
        }[kind]
        index = _faiss.index_factory(d, recipe, _faiss.METRIC_INNER_PRODUCT)
        data = np.ascontiguousarray(vectors, np.float32)
        if kind == "hnsw":
            index.hnsw.efConstruction = config.construction
        elif kind != "flat":
            inverted = _inverted(index, kind)
            inverted.cp.seed = config.seed
            inverted.cp.max_points_per_centroid = _POINTS_PER_CELL
            inverted.cp.min_points_per_centroid = 1
            index.train(data)
            inverted.make_direct_map()  # from a place to its cell and vector; kept up by what is added later
        index.add(data)
        return cls(index, kind)

    def extended(self, vectors: Float32) -> Engine:
        """A copy with ``(a, d)`` vectors at the next places; this one stays as it is."""
        index = _faiss.clone_index(self._index)
        index.add(np.ascontiguousarray(vectors, np.float32))
        return Engine(index, self.kind, self.effort, self.refine)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def most_effort(self) -> int:
        """The largest effort that makes sense: every cell, or a walk as slow as exact search."""
        if self.kind == "flat":
            return 1
        return _MOST_EF if self.kind == "hnsw" else int(_inverted(self._index, self.kind).nlist)

    @property
    def on_gpu(self) -> bool:
        """Whether unfiltered searches run on a GPU."""
        return self._device is not None

    def search(self, queries: Float32, k: int, keep: Bool | None = None, factor: float = 1.0) -> tuple[Float32, Int64]:
        """The best k places for each query.

        Args:
            queries: ``(Q, d)``.
            k: Results per query.
            keep: ``(len(self),)`` places that may be found; None: all.
            factor: Multiplies the effort, for searches that reach deeper than the effort was measured for.

        Returns:
            Inner products and places ``(Q, k)``, best first, -1 where there are no more.
        """
        effort = int(min(np.ceil(self.effort * factor), self.most_effort))
        data = np.ascontiguousarray(queries, np.float32)
        on_device = self._device is not None and keep is None and max(k, effort) <= MOST_RESULTS
        parameters = self._parameters(effort, k, keep)
        searched: Any = self._device if on_device else self._index
        return searched.search(data, k, params=parameters)

    def _parameters(self, effort: int, k: int, keep: Bool | None) -> Any:
        selector = None if keep is None else _selector(keep)
        if self.kind == "flat":
            return None if selector is None else _faiss.SearchParameters(sel=selector)
        if self.kind == "hnsw":
            return _faiss.SearchParametersHNSW(efSearch=max(effort, k), sel=selector)
        coarse = None
        if keep is not None and self._cells is not None:
            filled = np.bincount(self._cells[keep], minlength=self.most_effort) > 0
            coarse = _faiss.SearchParameters(sel=_selector(filled))
            effort = min(effort, int(filled.sum()))  # a probe that finds no cell spoils what a fast scan returns
        probing = _faiss.SearchParametersIVF(nprobe=effort, sel=selector, quantizer_params=coarse)
        if self.kind == "ivf":
            return probing
        return _faiss.IndexRefineSearchParameters(k_factor=float(self.refine), base_index_params=probing)

    def parameters(self) -> dict[str, int]:
        """What was built and how hard it searches, for the card."""
        if self.kind == "flat":
            return {}
        if self.kind == "hnsw":
            graph = self._index.hnsw
            links, construction = graph.nb_neighbors(1), graph.efConstruction
            return {"links": links, "construction": construction, "ef_search": self.effort}
        inverted = _inverted(self._index, self.kind)
        found = {"lists": int(inverted.nlist), "nprobe": self.effort}
        return found if self.kind == "ivf" else {**found, "refine": self.refine}

    def adopt(self, parameters: dict[str, int]) -> None:
        """Search as hard as a card says."""
        self.effort = parameters.get("ef_search" if self.kind == "hnsw" else "nprobe", 1)
        self.refine = parameters.get("refine", 1)

    def vectors(self, places: Int64) -> Float32:
        """``(len(places), d)`` stored vectors; ``ivfpq`` keeps them in half precision."""
        store = {"hnsw": "storage", "ivfpq": "refine_index"}.get(self.kind)
        held = self._index if store is None else _faiss.downcast_index(getattr(self._index, store))
        return held.reconstruct_batch(places)

    def write(self, path: Path) -> None:
        """Write the FAISS index; effort and kind are the card's to keep."""
        _faiss.write_index(self._index, str(path))

    @classmethod
    def read(cls, path: Path) -> Engine:
        """Read what :meth:`write` wrote, with an effort of 1.

        Raises:
            DataError: The file is no FAISS index, not of inner products, or of a kind that is never written here.
        """
        remedy = "train again: polytaste train --out FOLDER"
        try:
            index = _faiss.read_index(str(path))
        except RuntimeError as why:
            raise DataError(f"{path}: not a FAISS index", remedy) from why
        kind = _KINDS.get(type(index).__name__)
        if kind is None or index.metric_type != _faiss.METRIC_INNER_PRODUCT:
            raise DataError(f"{path}: a FAISS index, but none of ours ({type(index).__name__})", remedy)
        return cls(index, kind)


def gpus() -> int:
    """How many GPUs FAISS sees."""
    return int(_faiss.get_num_gpus())


def exact(queries: Float32, vectors: Float32, k: int) -> tuple[Float32, Int64]:
    """The best k rows of ``(m, d)`` vectors for each of ``(Q, d)`` queries, by exhaustive search; k is at most m."""
    return _faiss.knn(np.ascontiguousarray(queries, np.float32), vectors, k, metric=_faiss.METRIC_INNER_PRODUCT)


def _inverted(index: Any, kind: Kind) -> Any:
    return _faiss.downcast_index(index.base_index) if kind == "ivfpq" else index


def _selector(keep: Bool) -> Any:
    return _faiss.IDSelectorBitmap(np.packbits(keep, bitorder="little"))


def _on_device(index: Any) -> Any:
    if not gpus():  # with none, moving an index there raises nothing and moves nothing
        return None
    resources = _faiss.StandardGpuResources()
    twin = _faiss.index_cpu_to_gpu(resources, 0, index)
    twin.resources_kept = resources  # FAISS does not own them
    return twin
