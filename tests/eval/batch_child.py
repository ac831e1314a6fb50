"""Makes lists in a process that is to be killed: ``MODEL OUT URL CODE``."""

import sys
from pathlib import Path

from eval.batch import job
from eval.nodes import Here
from retrieval import artifacts
from tests.eval.test_batch import batch_of

if __name__ == "__main__":
    model, out, url, code = sys.argv[1:]
    job.code = lambda _: code  # as the process that goes on has it: source may be edited while a test runs
    job.run_batch(batch_of(artifacts.load(Path(model)), Path(out), (url,)), Here(), lambda *_: None)
