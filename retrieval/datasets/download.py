"""Checksum-verified download of MovieLens, for machines that reach the internet. Nothing needs it to run."""

from __future__ import annotations

from pathlib import Path

import pooch

from retrieval.errors import ConfigError, DataError

_BASE = "https://files.grouplens.org/datasets/movielens/"

# MD5 sums published by GroupLens beside each archive.
ARCHIVES: dict[str, str] = {
    "ml-100k": "md5:0e33842e24a9c977be4e0107933c0723",
    "ml-1m": "md5:c4d9eecfca2ab87c1945afe126590906",
    "ml-10m": "md5:ce571fd55effeba0271552578f2648bd",
    "ml-20m": "md5:cd245b17a1ae2cc31bb14903e1204af3",
    "ml-25m": "md5:6b51fb2759a8657d3bfcbfc42b592ada",
    "ml-32m": "md5:d472be332d4daa821edc399621853b57",
}


def download(name: str, folder: Path) -> Path:
    """Fetch and unpack one archive, verifying its published MD5 sum; a verified copy is not fetched again.

    Args:
        name: A key of :data:`ARCHIVES`.
        folder: Where the archive and its contents go.

    Returns:
        The folder with the data files in it.

    Raises:
        ConfigError: The name is unknown.
        DataError: The file cannot be fetched, or what arrived does not have the published checksum.
    """
    if name not in ARCHIVES:
        raise ConfigError(f"unknown data set {name!r}", f"choose one of {', '.join(ARCHIVES)}")
    try:
        members = pooch.retrieve(
            url=f"{_BASE}{name}.zip",
            known_hash=ARCHIVES[name],
            fname=f"{name}.zip",
            path=folder,
            processor=pooch.Unzip(extract_dir=name),
        )
    except (OSError, ValueError) as why:
        remedy = f"fetch {_BASE}{name}.zip by hand, unpack it, and give the folder as --data"
        raise DataError(f"{name}: download failed ({str(why).splitlines()[0]})", remedy) from why
    return Path(min(members, key=len)).parent
