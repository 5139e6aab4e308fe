import numpy as np

from cogtrain.metrics import resample
from cogtrain.metrics.interval import percentile
from cogtrain.metrics.resample import over_stimuli_and_people


def stimulus_draws(stimuli, **options):
    return (w for w, _ in over_stimuli_and_people(stimuli, 0, **options))


def test_a_resample_draws_as_many_as_there_are():
    draws = np.concatenate(list(stimulus_draws(30, replicates=50, seed=1)))
    assert draws.shape == (50, 30)
    assert (draws.sum(axis=1) == 30).all()


def test_the_seed_fixes_the_draws_whatever_the_block_size(monkeypatch):
    whole = np.concatenate(list(stimulus_draws(30, replicates=50, seed=1)))
    monkeypatch.setattr(resample, "_CELLS_AT_ONCE", 100)
    blocks = list(stimulus_draws(30, replicates=50, seed=1))
    assert len(blocks) == 17
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
    assert not np.array_equal(next(stimulus_draws(30, replicates=50, seed=2)), whole[:3])


def test_stimuli_and_observers_are_drawn_independently():
    stimuli, observers = next(over_stimuli_and_people(20, 20, replicates=200, seed=0))
    assert abs(np.corrcoef(stimuli.ravel(), observers.ravel())[0, 1]) < 0.05


def test_no_global_random_state_is_moved():
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    list(stimulus_draws(10, replicates=10, seed=0))
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_the_interval_of_mostly_undefined_replicates_is_undefined():
    assert np.isnan(percentile(np.array([1.0, np.nan, np.nan]))).all()
    assert percentile(np.array([1.0, 1.0, np.nan])) == (1.0, 1.0)


def test_the_bootstrap_of_a_mean_has_its_standard_error():
    values = np.random.default_rng(0).normal(size=400)
    draws = np.concatenate(list(stimulus_draws(400, replicates=4000, seed=0)))
    low, high = percentile(draws @ values / 400)
    expected = 2 * 1.96 * values.std() / 20
    assert abs((high - low) / expected - 1) < 0.05
