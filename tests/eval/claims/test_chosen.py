"""What is chosen is chosen by a part's own validation users, and by nobody whom it is then measured on."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from eval.claims import dimensions, end_to_end
from eval.claims.calibration import CalibrationIsFree
from eval.claims.ground import make_ground
from eval.claims.tempering import FewConsumed


def told(*_):
    pass


def test_nobody_has_a_part_in_what_is_chosen_for_him(dataset, ground, quick, monkeypatch):
    """Whatever the test users of a part like, that part chooses the same; those parts that may know them do not."""
    strangers, rows = ground.parts[0].test.users, dataset.interactions
    # Those who are tested in part 0 like as many items as before, but other ones.
    swapped = np.random.default_rng(0).permutation(len(dataset.catalog)).astype(np.int32)
    items = np.where(np.isin(rows.users, strangers), swapped[rows.items], rows.items)
    other = make_ground(replace(dataset, interactions=replace(rows, items=items)))
    assert np.array_equal(other.parts[0].validation.users, ground.parts[0].validation.users)

    for claim in ("calibration", "tempering"):
        monkeypatch.setattr(f"eval.claims.{claim}.RETRIEVERS", ("ease",))

    def chosen(of):  # by part 0, which tests them, and by part 4, which they choose for
        some = replace(of, folder=None, parts=(of.parts[0], of.parts[4]))
        found = [claim.run(some, (0,), told) for claim in (CalibrationIsFree(), FewConsumed())]
        return [remark for one in found for remark in one.remarks if "validation" in remark]

    first, second = (chosen(of) for of in (ground, other))
    assert len(first) == len(second) == 3

    def part(said, at):
        return [re.findall(r"[\d.inf]+(?: / [\d.inf]+)", remark)[0].split(" / ")[at] for remark in said]

    assert part(first, 0) == part(second, 0)
    assert part(first, 1) != part(second, 1)


def test_the_large_dimension_is_each_parts_own(monkeypatch):
    monkeypatch.setattr(dimensions, "_ndcg", lambda found, lam: np.array([found]))
    one = dimensions._Tried({}, {16: 0.9, 32: 0.5, 64: 0.4}, {64: 1.0})  # whatever the test users say
    other = dimensions._Tried({}, {16: 0.1, 32: 0.2, 64: 0.3}, {32: 1.0})
    assert [one.large(), other.large()] == [32, 64]


def test_the_temperature_is_that_of_the_best_calibrated_list_that_is_accurate_enough(monkeypatch):
    """nDCG and C_KL on validation by temperature and weight; the backbone's nDCG is 1."""
    table = {
        (0.1, 0.03): (0.97, 0.6), (0.1, 0.3): (0.90, 0.1),
        (0.3, 0.03): (0.99, 0.7), (0.3, 0.3): (0.96, 0.5),
        (1.0, 0.03): (0.80, 0.2), (1.0, 0.3): (0.70, 0.1),
    }  # fmt: skip

    def found(weight, temperature):
        return SimpleNamespace(validation=table.get((temperature, weight), (1.0, 0.8)))

    monkeypatch.setattr(end_to_end, "curve_point", lambda found, lam: tuple(np.array([v]) for v in found[0]))
    assert end_to_end._temperature(SimpleNamespace(found=found)) == 0.3
    table.update(dict.fromkeys(table, (0.5, 0.1)))
    assert end_to_end._temperature(SimpleNamespace(found=found)) == 0.1
