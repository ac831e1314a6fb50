"""Resident memory of a process and its children, every few seconds, as a table: ``python deploy/load/memory.py PID [SECONDS]``."""

import sys
import time

import psutil


def main(pid: int, every_s: float) -> None:
    """Write a line of MiB per process until the parent is gone."""
    parent, began = psutil.Process(pid), time.monotonic()
    while parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE:
        sizes = [p.memory_info().rss // 2**20 for p in (parent, *parent.children(recursive=True))]
        sys.stdout.write(f"{time.monotonic() - began:7.0f} s  " + "  ".join(f"{size:5d}" for size in sizes) + "  MiB\n")
        sys.stdout.flush()
        time.sleep(every_s)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 10.0)
