from agent.llm.breaker import Breaker


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_opens_after_consecutive_failures_and_lets_one_try():
    clock = Clock()
    breaker = Breaker(2, 10.0, clock)
    breaker.failed(breaker.admit())
    breaker.failed(breaker.admit())
    assert breaker.admit() is None
    clock.now = 10.0
    probe = breaker.admit()
    assert probe.probe
    assert breaker.admit() is None  # one at a time
    breaker.failed(probe)
    assert breaker.admit() is None
    clock.now = 20.0
    breaker.answered(breaker.admit())
    assert not breaker.admit().probe
    assert not breaker.admit().probe


def test_nothing_learnt_changes_nothing():
    clock = Clock()
    breaker = Breaker(2, 10.0, clock)
    breaker.failed(breaker.admit())
    breaker.undecided(breaker.admit())
    breaker.failed(breaker.admit())
    assert breaker.admit() is None
    clock.now = 10.0
    breaker.undecided(breaker.admit())  # the one who tried went away: the next may
    assert breaker.admit().probe


def test_an_old_call_does_not_let_a_second_one_try():
    clock = Clock()
    breaker = Breaker(1, 10.0, clock)
    old, failing = breaker.admit(), breaker.admit()
    breaker.failed(failing)
    clock.now = 10.0
    assert breaker.admit().probe
    breaker.undecided(old)
    assert breaker.admit() is None
    breaker.failed(old)  # nor does it lengthen the rest
    assert breaker.admit() is None


def test_an_answer_forgets_the_failures_before_it():
    breaker = Breaker(2, 10.0)
    breaker.failed(breaker.admit())
    breaker.answered(breaker.admit())
    breaker.failed(breaker.admit())
    assert breaker.admit()
