"""Whole claims on the bundled data, what is kept of them, and the pages they become."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from eval.claims.autoencoder import Budget
from eval.claims.calibration import CalibrationIsFree, chosen_lambda, curve_point
from eval.claims.candidates import retrieved
from eval.claims.command import _seeds
from eval.claims.crowding import AccuracyCrowdsOut
from eval.claims.end_to_end import EndToEnd
from eval.claims.finding import Condition, Estimate, overall
from eval.claims.language_model import ModelReplacesBoth
from eval.claims.likelihoods import MultinomialIsBest
from eval.claims.pages import write_pages
from eval.claims.personas import PersonasSuffice
from eval.claims.protocol import Statement
from eval.claims.run import all_claims, chosen_claims, run_claims
from eval.claims.tempering import FewConsumed
from retrieval.errors import ConfigError

COMMAND = Path(sys.executable).parent / "polytaste"


def told(*_):
    pass


class Planted:
    """A claim that counts its runs."""

    def __init__(self, letter="z", low=0.1):
        self.statement = Statement(letter, "planted", "It holds.", "Above 0.", "None.")
        self._low, self.runs = low, []

    def run(self, ground, seeds, progress):
        self.runs.append(ground.name)
        held = Condition(says="x", estimate=Estimate(mean=0.2, low=self._low, high=0.3), expects="above")
        return self.statement.finding(ground, conditions=(held,))


def test_what_was_found_is_not_looked_for_again(ground, tmp_path, monkeypatch):
    claim = Planted()
    monkeypatch.setattr("eval.claims.run.vars", lambda _: {}, raising=False)  # its count is no setting
    first = run_claims([claim], [ground], [0], tmp_path, told)
    assert run_claims([claim], [ground], [0], tmp_path, told) == first
    assert len(claim.runs) == 1
    run_claims([claim], [ground], [1], tmp_path, told)  # other seeds
    assert len(claim.runs) == 2
    (tmp_path / "z-ml-latest-small.json").unlink()
    run_claims([claim], [ground], [1], tmp_path, told)
    assert len(claim.runs) == 3


def test_two_processes_do_not_share_a_folder(ground, tmp_path):
    with FileLock(tmp_path / "lock"), pytest.raises(ConfigError, match="another process"):
        run_claims([Planted()], [ground], [0], tmp_path, told)


def test_what_needs_a_model_says_so_and_is_tried_again(ground, tmp_path):
    claim = ModelReplacesBoth()
    ((found,),) = run_claims([claim], [ground], [0], tmp_path, told)
    assert found.verdict == "not run" and "no model" in found.remarks[0]
    assert not list(tmp_path.glob("*.json"))


def test_seeds_are_numbers():
    assert _seeds("0,2,2") == [0, 2]
    with pytest.raises(ConfigError, match="not whole numbers"):
        _seeds("x")


def test_claims_are_chosen_by_letter():
    claims = all_claims()
    assert list(claims) == list("abcdefghi")
    assert [claim.statement.letter for claim in chosen_claims(["d", "b"], claims)] == ["b", "d"]
    with pytest.raises(ConfigError, match="no claim 'q'"):
        chosen_claims(["q"], claims)


@pytest.mark.parametrize("claim", [AccuracyCrowdsOut(), CalibrationIsFree(), PersonasSuffice(), FewConsumed()])
def test_a_whole_claim(claim, part, quick):
    found = claim.run(part, (0, 1, 2), told)
    assert found.verdict in {"confirmed", "refuted", "mixed"}
    assert all(c.estimate.mean is not None for c in found.conditions)
    assert all(len(row) == len(found.columns) for row in found.rows)
    assert found.chart.lines and all(len(one.x) == len(one.y) == len(one.low) for one in found.chart.lines)
    assert found.users == len(part.parts[0].test.users)


def test_lambda_is_chosen_by_what_it_keeps(part, quick):
    validation, _ = retrieved(part, "ease", told)
    top = np.nanmean(curve_point(validation, 0.0)[0])
    lam = chosen_lambda(validation)
    assert 0 < lam < 0.99
    assert np.nanmean(curve_point(validation, lam)[0]) >= 0.99 * top
    assert chosen_lambda(validation, kept=2.0) == 0.0


def test_claims_on_losses_with_a_small_budget(part):
    small = Budget(hidden=8, latent=4, epochs=1)
    found = MultinomialIsBest(small).run(part, (0, 1, 2), told)
    assert [row[0] for row in found.rows] == ["multinomial", "logistic", "gaussian"]
    assert len(found.conditions) == 3
    trained = EndToEnd(small, tuned=1).run(part, (0,), told)
    assert len(trained.conditions) == 4 and len(trained.rows) == 5
    with pytest.raises(ConfigError, match="needs 3 seeds"):
        MultinomialIsBest(small).run(part, (0,), told)


def test_pages_say_everything_and_name_no_place(part, quick, tmp_path):
    claims = [CalibrationIsFree(), ModelReplacesBoth(), Planted("y", -0.1)]
    found = [[claim.run(part, (0,), told)] for claim in claims]
    rows = [(claim.statement, findings) for claim, findings in zip(claims, found, strict=True)]
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "reading.md").write_text("Words of people.")
    written = write_pages(tmp_path / "pages", rows, "polytaste eval claims --only {letter}")
    assert [path.name for path in written] == [
        "b-calibration-is-free.md",
        "g-llm-replaces-both.md",
        "y-planted.md",
        "README.md",
    ]
    page = written[0].read_text()
    for words in (
        "**Predicted.**",
        "**Control.**",
        "polytaste eval claims --only b",
        "b-calibration-is-free.png",
        "held",
    ):
        assert words in page
    assert page.count("|---") and all(line.count(" | ") for line in page.splitlines() if line.startswith("| "))
    picture = tmp_path / "pages" / "b-calibration-is-free.png"
    assert picture.read_bytes()[:4] == b"\x89PNG" and picture.stat().st_size < 80_000
    assert not (tmp_path / "pages" / "g-llm-replaces-both.png").exists()
    readme = written[-1].read_text()
    verdicts = dict(re.findall(r"\| \[(\w)\].*?\*\*(.+?)\*\*", readme))
    assert verdicts == {claim.statement.letter: overall(rows) for claim, rows in zip(claims, found, strict=True)}
    assert "(reading.md)" in readme
    assert str(tmp_path) not in "".join(path.read_text() for path in written)


def test_command_line(tmp_path):
    options = ["--out", tmp_path / "out", "--only", "g", "--pages", tmp_path / "pages", "--json"]
    home = {**os.environ, "POLYTASTE_HOME": str(tmp_path)}  # where no language model runs
    done = subprocess.run([COMMAND, "eval", "claims", *options], capture_output=True, text=True, env=home)
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert found["verdict"] == "not run" and found["data"] == "ml-latest-small"
    assert "not run" in (tmp_path / "pages" / "README.md").read_text()
