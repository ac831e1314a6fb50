"""What a model in service does before its first request."""

from dataclasses import replace

import pytest

from agent.recommender import Recommender
from agent.service.live import Live


@pytest.mark.parametrize("at_start", [True, False])
def test_requests_in_words_find_their_encoder_loaded_unless_it_is_to_wait(settings, monkeypatch, at_start):
    searched, load = [], Recommender.load

    class Words:
        def search(self, texts, n):
            searched.append((texts, n))

    def with_words(*given, **options):
        made = load(*given, **options)
        made.model = replace(made.model, words=Words())
        return made

    monkeypatch.setattr(Recommender, "load", with_words)
    Live(settings.model_copy(update={"words_at_start": at_start}))
    assert bool(searched) is at_start
