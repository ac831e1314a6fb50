import numpy as np
import pytest

from eval.claims.finding import Condition, Estimate, Finding, estimate, number, overall, verdict_of


def condition(low, high, expects="above", bound=0.0, *, control=False):
    return Condition(
        says="x",
        estimate=Estimate(mean=(low + high) / 2, low=low, high=high),
        expects=expects,
        bound=bound,
        control=control,
    )


HELD, BROKEN, OPEN = condition(0.1, 0.2), condition(-0.2, -0.1), condition(-0.1, 0.1)
CONTROL_HELD, CONTROL_BROKEN = condition(0.1, 0.2, control=True), condition(-0.2, -0.1, control=True)
CONTROL_OPEN = condition(-0.1, 0.1, control=True)


@pytest.mark.parametrize(
    ("low", "high", "expects", "bound", "outcome"),
    [
        (0.1, 0.2, "above", 0.0, "held"),
        (0.0, 0.2, "above", 0.0, "open"),  # an interval that touches the bound decides nothing
        (-0.2, 0.0, "above", 0.0, "open"),
        (-0.2, -0.1, "above", 0.0, "broken"),
        (-0.2, -0.1, "below", 0.0, "held"),
        (0.1, 0.2, "below", 0.0, "broken"),
        (0.1, 0.2, "below", 0.15, "open"),
        (0.1, 0.2, "below", 0.3, "held"),
        (0.1, 0.2, "above", 0.3, "broken"),
    ],
)
def test_an_outcome_is_where_the_whole_interval_lies(low, high, expects, bound, outcome):
    assert condition(low, high, expects, bound).outcome == outcome


def test_a_quantity_without_value_stays_open():
    nothing = estimate(np.full(5, np.nan))
    assert nothing.mean is None
    assert str(nothing) == "no value"
    assert Condition(says="x", estimate=nothing, expects="above").outcome == "open"


@pytest.mark.parametrize(
    ("conditions", "verdict"),
    [
        ([], "not run"),
        ([HELD], "confirmed"),
        ([HELD, HELD, CONTROL_HELD], "confirmed"),
        ([HELD, CONTROL_BROKEN], "mixed"),
        ([HELD, CONTROL_OPEN], "mixed"),
        ([HELD, HELD, CONTROL_HELD, CONTROL_OPEN], "mixed"),
        ([HELD, BROKEN], "mixed"),
        ([HELD, BROKEN, CONTROL_HELD], "mixed"),
        ([HELD, OPEN], "mixed"),
        ([OPEN], "undecided"),
        ([OPEN, OPEN, CONTROL_HELD], "undecided"),
        ([OPEN, CONTROL_BROKEN], "undecided"),
        ([BROKEN, OPEN], "refuted"),
        ([BROKEN, CONTROL_HELD], "refuted"),
        ([BROKEN, OPEN, CONTROL_HELD, CONTROL_HELD], "refuted"),
        ([BROKEN, CONTROL_BROKEN], "mixed"),  # without its control an experiment shows nothing
        ([BROKEN, CONTROL_OPEN], "mixed"),
        ([BROKEN, CONTROL_HELD, CONTROL_OPEN], "mixed"),
    ],
)
def test_the_rule(conditions, verdict):
    assert verdict_of(conditions) == verdict


def finding(*conditions):
    words = dict.fromkeys(("letter", "claim", "prediction", "control", "data", "protocol"), "x")
    return Finding(**words, users=1, conditions=conditions)


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ([[HELD], [HELD]], "confirmed"),
        ([[HELD], [BROKEN]], "mixed"),
        ([[BROKEN], [BROKEN]], "refuted"),
        ([[BROKEN], []], "refuted"),  # what was not run does not count
        ([[BROKEN], [BROKEN, CONTROL_OPEN]], "mixed"),
        ([[OPEN], [OPEN]], "undecided"),
        ([[OPEN], []], "undecided"),
        ([[OPEN], [BROKEN]], "refuted"),  # what is undecided says nothing for or against
        ([[OPEN], [HELD]], "confirmed"),
        ([[OPEN], [HELD, BROKEN]], "mixed"),
        ([[HELD], [OPEN], [BROKEN]], "mixed"),
        ([[]], "not run"),
        ([], "not run"),
    ],
)
def test_several_data_sets(findings, verdict):
    assert overall([finding(*one) for one in findings]) == verdict


def test_a_finding_survives_json():
    one = finding(HELD, CONTROL_BROKEN)
    assert Finding.model_validate_json(one.model_dump_json()) == one
    with pytest.raises(ValueError, match="verdict"):
        Finding.model_validate({**one.model_dump(), "verdict": "confirmed"})  # a verdict is not written by hand


def test_estimates_are_paired():
    base = np.random.default_rng(0).normal(0, 10, 500)
    gap = estimate(base + 0.5, base)
    assert gap.low == pytest.approx(0.5) and gap.high == pytest.approx(0.5)
    assert estimate(np.array([1.0, np.nan, 3.0]), 1.0).mean == pytest.approx(1.0)


def test_numbers_are_short():
    assert [number(v) for v in (1234.5, 12.34, 0.12345, -0.5)] == ["1,234", "12.3", "0.1235", "-0.5000"]
