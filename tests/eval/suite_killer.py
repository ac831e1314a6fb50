"""Runs a suite in children that are killed with SIGKILL at random points, then once to its end: ``FOLDER SUITE SEED KILLS``.

Children are forked right after the imports, before any library has started threads: what takes long is done once.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

from eval.suite.config import read_suite
from eval.suite.run import make_plan, run

_FILES = 16  # of the suite in the test, about


def work(folder, suite):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            run(folder, make_plan(read_suite(suite, os.environ)), lambda *_: None)
            code = 0
        finally:
            os._exit(code)
    return child


def files(folder):
    return sum(1 for path in folder.rglob("*") if path.is_file())


def main():
    folder, suite, seed, kills = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    draw = random.Random(seed)
    for point in sorted(draw.sample(range(1, _FILES), kills)):
        child = work(folder, suite)
        while files(folder) < point and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            time.sleep(0.002)
        time.sleep(draw.random() * 0.02)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{'killed' if os.WIFSIGNALED(status) else 'ended'} at {files(folder)} files\n")
        sys.stdout.flush()
    _, status = os.waitpid(work(folder, suite), 0)
    raise SystemExit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
