"""The model that is being served, and its replacement by a newer one without dropping a request."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from agent.chat.dialogue import Dialogue
from agent.experiment import Experiments
from agent.paths import experiments_file, models_folder
from agent.recommender import Recommender, RecommenderConfig
from agent.service.config import ServiceConfig
from agent.service.metrics import MODEL_LOADED, RELOADS
from retrieval.errors import DataError, PolytasteError

log = logging.getLogger("polytaste.service")

Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class Generation:
    """One model in service. A request keeps the one it began with.

    Attributes:
        recommender: Makes lists.
        dialogue: Holds conversations.
        stamp: Identity of the manifest it was read from.
        number: How many were served before.
    """

    recommender: Recommender
    dialogue: Dialogue
    stamp: Stamp
    number: int


class Live:
    """Serves a model's folder; a newer model in the same place is loaded beside the old one and takes over at once.

    Args:
        config: Of the service.

    Raises:
        NotFoundError: There is no model yet.
        DataError: It is damaged.
    """

    def __init__(self, config: ServiceConfig) -> None:
        self._config = config
        self.folder: Path = config.model or models_folder() / "default"
        self._loading = threading.Lock()
        self.trouble: str | None = None
        self._now = self._load(0)

    @property
    def now(self) -> Generation:
        """The generation that new requests get."""
        return self._now

    def reload(self) -> Generation:
        """Load what is in the folder now; if it is damaged the old one stays.

        Raises:
            PolytasteError: It cannot be loaded; the old one goes on serving.
        """
        with self._loading:
            try:
                fresh = self._load(self._now.number + 1)
            except Exception as why:
                known = why if isinstance(why, PolytasteError) else DataError(
                    f"the model in {self.folder} cannot be loaded ({type(why).__name__}: {why})",
                    f"train again: polytaste train --out {self.folder}",
                )  # fmt: skip
                self.trouble = known.message
                RELOADS.labels("failed").inc()
                raise known from why
            self._now = fresh
            self.trouble = None
            RELOADS.labels("done").inc()
            return fresh

    async def watch(self) -> None:
        """Look for a newer model until cancelled. A broken one is reported once and not tried again until it changes.

        Whatever is wrong with one, the next is looked for: :meth:`reload` turns every failure into one of ours.
        """
        failed: Stamp | None = None
        while True:
            await asyncio.sleep(self._config.reload_s)
            stamp = _stamp(self.folder)
            if stamp is None or stamp in {self._now.stamp, failed}:
                continue
            try:
                generation = await asyncio.to_thread(self.reload)
                log.info("model swapped", extra={"fields": {"generation": generation.number}})
            except PolytasteError as why:
                failed = stamp
                log.error("new model refused, the old one serves on", extra={"fields": {"why": why.message}})  # noqa: TRY400

    def _load(self, number: int) -> Generation:
        stamp = _stamp(self.folder) or (0, 0, 0)
        c = self._config
        settings = RecommenderConfig.model_validate({"axis": c.axis, "calibrated": {"lam": c.lam}})
        recommender = Recommender.load(
            self.folder,
            llm_url=c.llm_url,
            llm_model=c.llm_model,
            use_llm=c.use_llm,
            config=settings,
            experiments=Experiments(experiments_file()),
        )
        if c.words_at_start and recommender.model.words is not None:
            recommender.model.words.search(["ready"], 1)
        MODEL_LOADED.set_to_current_time()
        return Generation(recommender, Dialogue(recommender, c.assistant), stamp, number)


def _stamp(folder: Path) -> Stamp | None:
    try:
        stat = (folder / "manifest.json").stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
