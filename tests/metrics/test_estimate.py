import json
import math

import pytest

from cogtrain.metrics import Estimate, append_estimates, read_estimates


def test_a_record_is_json_and_comes_back():
    estimate = Estimate(math.nan, 0.1, math.inf, 3, 0.5, "why")
    with pytest.raises(ValueError, match="JSON"):
        json.dumps(estimate.record(), allow_nan=False)
    estimate = Estimate(math.nan, 0.1, 0.2, 3, 0.5, "why")
    again = Estimate.from_record(json.loads(json.dumps(estimate.record(), allow_nan=False)))
    assert str(again) == str(estimate)
    assert not again.is_defined


def test_appends_and_reads_in_order(tmp_path):
    path = tmp_path / "metrics.jsonl"
    append_estimates(path, {"accuracy": Estimate(0.5, n=4)}, stage="val", set="a", step=1)
    path.write_text(path.read_text() + '{"step": 1, "loss": 0.3}\n\n')
    append_estimates(path, {"spearman": Estimate(math.nan)}, stage="test", set="b", step=2)
    first, second = read_estimates(path)
    assert first == ("val", "a", "accuracy", 1, first.estimate)
    assert first.estimate.n == 4
    assert (second.stage, second.set, second.metric, second.step) == ("test", "b", "spearman", 2)
    assert math.isnan(second.estimate.value)


def test_passes_over_a_last_line_cut_short_but_not_one_before(tmp_path):
    path = tmp_path / "metrics.jsonl"
    append_estimates(path, {"accuracy": Estimate(0.5)}, stage="val", set="a", step=1)
    whole = path.read_text()
    path.write_text(whole + whole[:20])
    assert len(read_estimates(path)) == 1
    path.write_text(whole[:20] + "\n" + whole)
    with pytest.raises(ValueError, match=r"metrics\.jsonl`, got '.*' in line 1"):
        read_estimates(path)
