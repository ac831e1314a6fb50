"""Whole claims on the bundled data, what is kept of them, and the pages they become."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from agent.rerank.calibration import target_shares
from eval.claims.autoencoder import Budget
from eval.claims.calibration import CalibrationIsFree, chosen_lambda, curve_point
from eval.claims.candidates import retrieved
from eval.claims.command import _command, _options, _seeds
from eval.claims.crowding import AccuracyCrowdsOut, minority
from eval.claims.end_to_end import EndToEnd
from eval.claims.finding import RULE, Condition, Estimate, overall
from eval.claims.language_model import ModelReplacesBoth
from eval.claims.likelihoods import MultinomialIsBest
from eval.claims.made import _SHOWS, made, sources
from eval.claims.pages import write_pages
from eval.claims.personas import PersonasSuffice
from eval.claims.protocol import Statement
from eval.claims.run import all_claims, chosen_claims, kept_finding, run_claims
from eval.claims.tempering import FewConsumed
from retrieval.errors import ConfigError
from retrieval.schema import Histories

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


def test_other_code_finds_anew_and_says_what_it_was(ground, tmp_path, monkeypatch):
    claim = Planted()
    monkeypatch.setattr("eval.claims.run.vars", lambda _: {}, raising=False)
    ((first,),) = run_claims([claim], [ground], [0], tmp_path, told)
    assert first.made == made() and first.made.code == sources()
    assert kept_finding(claim, ground, [0], tmp_path) == first
    monkeypatch.setattr("eval.claims.run.sources", lambda: "other")
    assert kept_finding(claim, ground, [0], tmp_path) is None
    run_claims([claim], [ground], [0], tmp_path, told)
    assert len(claim.runs) == 2
    monkeypatch.undo()
    assert kept_finding(claim, replace(ground, parts=ground.parts[:1]), [0], tmp_path) is None  # other folds


def test_the_hash_of_code_is_that_of_what_finds():
    assert sources() != sources("ground") != sources("autoencoder")
    names = {path.name for path in Path(sources.__wrapped__.__globals__["__file__"]).parent.glob("*.py")}
    assert names > _SHOWS
    text = str(made())
    assert made().version in text and sources() in text and "numpy" in text and "cores" in text


@pytest.mark.parametrize(
    ("options", "letter", "line"),
    [
        ((["ml-1m", "my data"], ["rating=liked"], 3.5, "genre", 200, "0,1"), "d",
         "polytaste eval claims --data ml-1m --data 'my data' --column rating=liked --like-above 3.5 --axis genre --users 200 --seeds 0,1 --out claims --only d"),
        ((["bundled"], [], None, "categories", None, "0,1,2"), "g",
         "polytaste eval claims --data bundled --axis categories --seeds 0,1,2 --llm-url URL --llm-model m --out claims --only g"),
    ],
)  # fmt: skip
def test_the_printed_command_is_the_one_that_was_given(options, letter, line):
    assert _command(_options(*options), "m", all_claims()[letter].statement) == line


def test_a_claim_about_a_model_names_it():
    assert "packaged 135M model" in all_claims()["g"].statement.claim
    assert "packaged 135M model" in all_claims("smollm2-135m-instruct@http://x")["h"].statement.claim
    other = all_claims("large@http://x")
    assert all(
        "large" in other[letter].statement.claim and "135M" not in other[letter].statement.claim for letter in "gh"
    )


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
    found = claim.run(part, (0, 1), told)
    assert all(c.estimate.mean is not None for c in found.conditions)
    assert {c.control for c in found.conditions} == {True, False}
    assert all(len(row) == len(found.columns) for row in found.rows)
    assert found.chart.lines and all(len(one.x) == len(one.y) == len(one.low) for one in found.chart.lines)
    assert found.users == len(part.parts[0].test.users)


class Liking:
    """Lists by the categories of a user that it likes."""

    def __init__(self, part, liked):
        self.groups, self.liked = part.categories.toarray(), liked

    def scores(self, histories):
        target = np.stack([self.groups[histories.row(user)].mean(axis=0) for user in range(len(histories))])
        return (self.liked(target) @ self.groups.T + 1e-6 * np.arange(len(self.groups))).astype(np.float32)


def largest(target):
    return (target == target.max(axis=1, keepdims=True)).astype(float)


def smaller(target):
    return ((target > 0.05) & (target < 0.15)).astype(float)


@pytest.mark.parametrize(("liked", "verdict"), [(largest, "confirmed"), (smaller, "refuted")])
def test_minorities_are_crowded_out_by_lists_that_do(part, monkeypatch, liked, verdict):
    """The experiment tells a list of the largest taste from a list of the smaller ones, and its control holds in both."""
    monkeypatch.setattr("eval.claims.candidates.choose", lambda part, name, seed: Liking(part, liked))
    found = AccuracyCrowdsOut().run(replace(part, folder=None), (0,), told)
    assert [c.outcome for c in found.conditions if c.control] == ["held", "held"]
    assert found.verdict == verdict


def test_the_control_of_crowding_fails_where_the_hidden_likes_are_no_random_ones(part, quick):
    """With hidden likes of the minority alone, the other half of the fold-in seems to crowd them out: the control says so."""
    (only,) = part.parts
    mask = minority(target_shares(only.halves[0], only.axis.rows(only.halves[0].items)))
    groups = only.axis.share.toarray()
    rows = []
    for user in range(len(only.test.users)):
        likes = only.test.hidden.row(user)
        rows.append(likes[np.argsort(-(groups[likes] @ mask[user]), kind="stable")][:2])
    biased = replace(only, test=replace(only.test, hidden=Histories.of(rows)))
    found = AccuracyCrowdsOut().run(replace(part, parts=(biased,), folder=None), (0,), told)
    assert "broken" in [c.outcome for c in found.conditions if c.control]
    assert found.verdict not in {"confirmed", "refuted"}


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
    written = write_pages(
        tmp_path / "pages", rows, lambda one: f"polytaste eval claims --only {one.letter if one else 'all'}"
    )
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
    for text in (page, readme):
        assert RULE in text  # the whole rule, controls and several data sets included
    assert str(tmp_path) not in "".join(path.read_text() for path in written)


def test_command_line(tmp_path):
    options = ["--out", tmp_path / "out", "--only", "g", "--pages", tmp_path / "pages", "--json"]
    home = {**os.environ, "POLYTASTE_HOME": str(tmp_path)}  # where no language model runs
    done = subprocess.run([COMMAND, "eval", "claims", *options], capture_output=True, text=True, env=home)
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert found["verdict"] == "not run" and found["data"] == "ml-latest-small"
    assert "not run" in (tmp_path / "pages" / "README.md").read_text()
