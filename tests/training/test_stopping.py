import os
import signal
from types import SimpleNamespace

import pytest

from cogtrain.training.stopping import Stopped, Stopping


def trainer(*, ranks=1, fn="fit", in_window=False, loudest=0):
    return SimpleNamespace(
        world_size=ranks,
        state=SimpleNamespace(fn=fn),
        fit_loop=SimpleNamespace(_should_accumulate=lambda: in_window),
        strategy=SimpleNamespace(root_device="cpu", reduce=lambda own, reduce_op: own + loudest),
    )


@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 138)], ids=["TERM", "USR1"]
)
def test_before_and_after_training_it_stops_at_once(signum, code):
    stopping = Stopping()
    with stopping.listening(), pytest.raises(Stopped) as stopped:
        os.kill(os.getpid(), signum)
    assert stopped.value.code == code
    stopping.on_train_start(trainer(), None)
    with pytest.raises(Stopped):
        stopping.on_train_end(trainer(), None)
    with pytest.raises(Stopped):
        stopping.handle(signum, None)


def test_gives_the_signals_back():
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGUSR1)]
    with Stopping().listening():
        assert signal.getsignal(signal.SIGTERM) != before[0]
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGUSR1)] == before


@pytest.fixture
def asked():
    stopping = Stopping()
    with stopping.listening():
        stopping.on_train_start(trainer(), None)
        os.kill(os.getpid(), signal.SIGUSR1)  # only noted
        yield stopping


@pytest.mark.parametrize("hook", ["on_train_batch_start", "on_train_batch_end"])
def test_while_training_it_stops_at_the_next_batch(asked, hook):
    with pytest.raises(Stopped) as stopped:
        getattr(asked, hook)(trainer())
    assert stopped.value.code == 138


def test_while_validating_it_stops_at_the_next_batch(asked):
    asked.on_validation_batch_start(trainer(fn="validate"))
    with pytest.raises(Stopped):
        asked.on_validation_batch_start(trainer())


def test_several_ranks_stop_only_where_all_do(asked):
    asked.on_train_batch_start(trainer(ranks=2))
    asked.on_train_batch_end(trainer(ranks=2, in_window=True))
    with pytest.raises(Stopped):
        asked.on_train_batch_end(trainer(ranks=2))


def test_one_rank_learns_what_another_was_asked():
    stopping = Stopping()
    stopping.on_train_batch_end(trainer(ranks=2))
    with pytest.raises(Stopped) as stopped:
        stopping.on_train_batch_end(trainer(ranks=2, loudest=signal.SIGTERM))
    assert stopped.value.code == 143
