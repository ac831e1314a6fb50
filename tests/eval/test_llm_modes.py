"""Which ways of asking are compared."""

import pytest

from eval.llm_modes import chosen, variants
from retrieval.errors import ConfigError


def test_some_ways_of_asking_beside_the_baseline():
    plan = variants(40)
    assert chosen(plan, ()) == plan
    assert [v.name for v in chosen(plan, ("pointwise", "label"))] == ["retrieval order", "label", "pointwise"]
    with pytest.raises(ConfigError, match="'shout'"):
        chosen(plan, ("label", "shout"))
