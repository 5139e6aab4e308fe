import re

import numpy as np
import pytest
from scipy.stats import pointbiserialr

from cogtrain.audit.correlations import correlations, relation
from cogtrain.audit.counts import counts
from cogtrain.audit.duplicates import NEAR, duplicates, near_pairs
from cogtrain.audit.integrity import integrity
from cogtrain.audit.leakage import leakage


def failures(section):
    return [finding.text for finding in section.findings if finding.level == "fail"]


def warnings(section):
    return [finding.text for finding in section.findings if finding.level == "warn"]


def test_a_whole_set_is_whole(made):
    assert integrity(made.measured(made.looks())).level == "pass"


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (
            lambda made: made.measured(made.looks(), [(7, "expected a PNG, got b.gif")]),
            "1 of 41 .* 7: .*got b.gif",
        ),
        (
            lambda made: made.measured([made.look(1), made.look(1)]),
            "1 ids occur more than once: `id1`",
        ),
        (
            lambda made: made.measured([made.look(0, "perhaps")]),
            "`will_fall` outside yes, no: `perhaps`",
        ),
        (
            lambda made: made.measured([made.look(0, "no", margin=-0.2)]),
            "1 of 1 answers .* contradict .* margin: `id0`",
        ),
        (
            lambda made: made.measured([made.look(0, answers={})]),
            "no stimulus answers any question",
        ),
    ],
)
def test_what_is_not_whole_fails_and_is_named(made, seen, words):
    assert any(re.search(words, text) for text in failures(integrity(seen(made))))


def test_two_sizes_are_a_warning(made):
    seen = made.measured([made.look(0), made.look(1, size_px=(28, 56))])
    assert "2 sizes" in warnings(integrity(seen))[0]
    assert "28 × 56 px (1)" in warnings(integrity(seen))[0]


def test_counts_are_exact_and_imbalance_is_named(made):
    seen = made.measured(
        [made.look(i, a, factors={"n": 2 + i % 3}) for i, a in enumerate(made.answers(60))]
    )
    section = counts(seen, "will_fall")
    assert section.data == {
        "answers": {"no": 30, "yes": 30},
        "factors": {"n": {"2": [10, 10], "3": [10, 10], "4": [10, 10]}},
    }
    assert section.level == "pass"
    skewed = [each._replace(factors={"n": int(each.margin < 0)}) for each in made.looks()]
    assert "`n` = 0 are not balanced: no: 20, yes: 0" in warnings(
        counts(made.measured(skewed), "will_fall")
    )


def test_continuous_factors_have_no_cells(made):
    seen = made.measured(
        [made.look(i, a, factors={"x": i / 7}) for i, a in enumerate(made.answers(40))]
    )
    assert counts(seen, "will_fall").tables == []


def test_near_pairs_are_those_of_brute_force(made):
    rng = np.random.default_rng(0)
    some = rng.integers(0, 256, (40, 768)).astype(np.uint8)
    noisy = np.clip(some[:20].astype(int) + rng.integers(-2, 3, (20, 768)), 0, 255).astype(np.uint8)
    noisy[:10] = np.clip(some[:10].astype(int) + rng.integers(0, 2, (10, 768)), 0, 255)
    both = np.concatenate([some, noisy]).astype(float)
    rms = np.sqrt(((both[:, None] - both[None]) ** 2).mean(axis=2))
    expected = {(i, j) for i, j in np.argwhere(rms <= NEAR) if i < j}
    found = near_pairs(both.astype(np.uint8))
    assert {(p.first, p.second) for p in found} == expected
    assert len(expected) == 10
    assert all(p.distance == pytest.approx(rms[p.first, p.second], abs=0.02) for p in found)
    across = near_pairs(some, noisy)
    assert {(p.first, 40 + p.second) for p in across} == expected


def test_equal_pixels_fail_near_ones_warn_twins_are_expected(made):
    plain = made.looks(20)
    copy = plain[3]._replace(id="copy", scene=b"")
    assert "1 pairs have exactly the same pixels, e.g. `id3` and `copy`" in failures(
        duplicates(made.measured([*plain, copy]))
    )
    near = copy._replace(pixels=b"other")
    assert "1 pairs are near-duplicates" in warnings(duplicates(made.measured([*plain, near])))[0]
    twins = [plain[3]._replace(pair="p"), near._replace(pair="p")]
    section = duplicates(made.measured([*plain[:3], *plain[4:], *twins]))
    assert (section.level, section.data["twins"]) == ("pass", 1)


def test_the_same_scene_again_fails(made):
    again = made.look(99, scene=made.look(3).scene)
    assert (
        "1 scenes occur again" in failures(duplicates(made.measured([*made.looks(20), again])))[0]
    )


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({"id": "id3"}, "fail", "share 1 ids"),
        ({"pixels": "of 3"}, "fail", "share 1 pictures, pixel by pixel"),
        ({"pair": "0123456789abcdef"}, "fail", "share 1 pairs of twins"),
        ({"pair": "7"}, "pass", "share nothing"),
        ({"scene": "of 3"}, "warn", "share 1 scenes"),
        ({"thumbnail": "of 3"}, "warn", "share 1 near-duplicates"),
        ({}, "pass", "share nothing"),
    ],
)
def test_leaks_between_sets(made, change, level, words):
    change = {
        name: getattr(made.look(3), name) if value == "of 3" else value
        for name, value in change.items()
    }
    pair = {"pair": change["pair"]} if "pair" in change else {}
    one = made.measured([made.look(3, **pair), made.look(4)])
    other = made.measured([made.look(50, **change), made.look(51)])
    section = leakage([one, other])
    assert section.level == level
    assert words in section.findings[0].text


def test_point_biserial_is_scipys(made):
    rng = np.random.default_rng(2)
    numbers, falls = rng.normal(size=50), rng.random(50) < 0.4
    found = relation(numbers.tolist(), ["yes" if fall else "no" for fall in falls])
    expected = pointbiserialr(falls, numbers)
    assert (found.value, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert found.n == 50


def test_cramers_v_at_its_ends_and_by_hand(made):
    answers = ["yes", "no"] * 50
    assert relation(["a", "b"] * 50, answers).value == pytest.approx(1.0)
    assert relation(["a", "a", "b", "b"] * 25, answers).value == 0.0
    # 2 × 2 table 30 20 / 20 30: chi2 = 4, phi2 - 1/99 = 0.029899; 2 - 1/99 - 1 = 0.989899
    column = ["a"] * 50 + ["b"] * 50
    said = ["yes"] * 30 + ["no"] * 20 + ["yes"] * 20 + ["no"] * 30
    assert relation(column, said).value == pytest.approx((0.0298990 / 0.9898990) ** 0.5, abs=1e-5)


def test_constant_columns_are_undefined_not_zero(made):
    assert np.isnan(relation([1.0] * 20, made.answers(20)).value)
    assert np.isnan(relation(["a"] * 20, made.answers(20)).value)


def test_rows_without_a_value_are_left_out(made):
    assert relation([1, None, 2, 3], ["yes", "no", None, "no"]).n == 2


def test_a_telling_factor_is_named_and_the_margin_is_not(made):
    seen = made.measured(
        [
            made.look(
                i, a, factors={"room": "AB"[a == "yes"], "margin": -0.1 if a == "yes" else 0.1}
            )
            for i, a in enumerate(made.answers(60))
        ]
    )
    told = warnings(correlations(seen, "will_fall"))
    assert told == ["`room` goes with the answer: Cramér's V = 1.000, n = 60"]
