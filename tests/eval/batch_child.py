"""Makes lists in a process that is to be killed: ``MODEL OUT URL``."""

import sys
from pathlib import Path

from eval.batch.job import run_batch
from eval.nodes import Here
from retrieval import artifacts
from tests.eval.test_batch import batch_of

if __name__ == "__main__":
    model, out, url = sys.argv[1:]
    run_batch(batch_of(artifacts.load(Path(model)), Path(out), (url,)), Here(), lambda *_: None)
