from agent.llm.breaker import Breaker


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_opens_after_consecutive_failures_and_lets_one_try():
    clock = Clock()
    breaker = Breaker(2, 10.0, clock)
    assert breaker.admit()
    breaker.failed()
    assert breaker.admit()
    breaker.failed()
    assert not breaker.admit()
    clock.now = 10.0
    assert breaker.admit()
    assert not breaker.admit()  # one at a time
    breaker.failed()
    assert not breaker.admit()
    clock.now = 20.0
    assert breaker.admit()
    breaker.answered()
    assert breaker.admit()
    assert breaker.admit()


def test_nothing_learnt_changes_nothing():
    clock = Clock()
    breaker = Breaker(2, 10.0, clock)
    breaker.failed()
    breaker.undecided()
    breaker.failed()
    assert not breaker.admit()
    clock.now = 10.0
    assert breaker.admit()
    breaker.undecided()  # the one who tried went away: the next may
    assert breaker.admit()


def test_an_answer_forgets_the_failures_before_it():
    breaker = Breaker(2, 10.0)
    breaker.failed()
    breaker.answered()
    breaker.failed()
    assert breaker.admit()
