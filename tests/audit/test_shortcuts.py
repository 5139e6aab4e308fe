import numpy as np
import pytest
from scipy.stats import norm

from cogtrain.audit.shortcuts import judged, shortcut_audit
from cogtrain.metrics import Estimate

COUNT = 240


def audited(made, looks, **options):
    section = shortcut_audit(made.measured(looks), "will_fall", margin_noise_m=0.2, **options)
    return section, section.data.get("estimates", {})


def test_nothing_is_found_where_nothing_is(made):
    section, found = audited(made, made.looks(COUNT))
    assert section.level != "fail"
    assert set(found) == {
        "mean colour",
        "luminance and contrast",
        "height on screen",
        "area on screen",
        "centroid on screen",
        "block count",
        "all measures",
        "16×16 thumbnail",
        "sign of the margin",
        "ideal noisy observer",
    }
    assert all(0.3 < found[name]["value"] < 0.62 for name in list(found)[:8])
    assert all(each["n"] == COUNT and each["chance"] == 0.5 for each in found.values())


def planted(made, index: int, answer: str, where: str):
    """A stimulus that gives its answer away."""
    plain, falls = made.look(index, answer), answer == "yes"
    rng = np.random.default_rng(1000 + index)
    if where == "mean colour":
        return plain._replace(colour=plain.colour * 0 + 100 + 40 * falls + rng.normal(0, 10, 3))
    if where == "height on screen":
        return plain._replace(extent=plain.extent._replace(height=0.4 + 0.2 * falls))
    if where == "centroid on screen":  # either side of the middle: no line separates it
        side = 0.05 + 0.2 * falls + rng.uniform(0, 0.05)
        return plain._replace(extent=plain.extent._replace(x=0.5 + side * rng.choice([-1, 1])))
    thumbnail = plain.thumbnail.copy()
    thumbnail[4:8, 4:8] = 60 + 120 * falls
    return plain._replace(thumbnail=thumbnail)


@pytest.mark.parametrize(
    "where", ["mean colour", "height on screen", "centroid on screen", "16×16 thumbnail"]
)
def test_a_planted_shortcut_is_found_where_it_is(made, where):
    looks = [planted(made, i, a, where) for i, a in enumerate(made.answers(COUNT))]
    section, found = audited(made, looks)
    assert section.level == "fail"
    assert found[where]["low"] > 0.9
    failed = {f.text.split(" predicts")[0] for f in section.findings if f.level == "fail"}
    assert failed - {"all measures"} == {where}


def test_the_rule_is_about_the_lower_end(made):
    assert judged("x", Estimate(0.56, 0.551, 0.57), 0.55).level == "fail"
    assert judged("x", Estimate(0.56, 0.549, 0.57), 0.55).level == "warn"
    assert judged("x", Estimate(0.55, 0.54, 0.56), 0.55).level == "pass"
    text = judged("x", Estimate(0.61, 0.58, 0.64), 0.55).text
    assert text == "x predicts the truth: 61.0 % [58.0, 64.0], bound 55.0 %"


def test_the_bound_follows_the_chance_level(made):
    looks = [made.look(i, "yes" if i % 4 else "no") for i in range(COUNT)]
    section, _ = audited(made, looks)
    assert section.data["bound"] == pytest.approx(0.8)
    assert audited(made, looks, bound=0.9)[0].data["bound"] == 0.9


def test_wilson_interval_without_pairs(made):
    _, found = audited(made, made.looks(COUNT))
    value, z = found["mean colour"]["value"], norm.ppf(0.975)
    middle = (value + z**2 / (2 * COUNT)) / (1 + z**2 / COUNT)
    half = z / (1 + z**2 / COUNT) * np.sqrt(value * (1 - value) / COUNT + z**2 / (4 * COUNT**2))
    assert (found["mean colour"]["low"], found["mean colour"]["high"]) == pytest.approx(
        (middle - half, middle + half)
    )


def test_twins_never_straddle_folds(made):
    """Twins of one look and both answers: split apart, they would be learnt the wrong way round."""
    pairs = [made.look(i // 2, a, pair=f"p{i // 2}") for i, a in enumerate(made.answers(COUNT))]
    _, together = audited(made, pairs)
    assert together["16×16 thumbnail"]["value"] == 0.5
    _, apart = audited(made, [each._replace(pair="") for each in pairs])
    assert apart["16×16 thumbnail"]["value"] < 0.5


def test_the_interval_of_pairs_is_clustered(made):
    """Twins with the same answer are half as many observations."""
    answers = [a for a in made.answers(COUNT // 2) for _ in range(2)]
    pairs = [made.look(i // 2, a, pair=f"p{i // 2}") for i, a in enumerate(answers)]
    _, clustered = audited(made, pairs)
    _, alone = audited(made, [each._replace(pair="") for each in pairs])
    width = clustered["block count"]["high"] - clustered["block count"]["low"]
    assert width > 1.2 * (alone["block count"]["high"] - alone["block count"]["low"])


def test_the_optimum_stands_beside(made):
    margins = np.linspace(0.02, 0.3, COUNT // 2).repeat(2) * np.tile([1, -1], COUNT // 2)
    looks = [
        each._replace(margin=margin)
        for each, margin in zip(made.looks(COUNT), margins.tolist(), strict=True)
    ]
    _, found = audited(made, looks)
    assert found["sign of the margin"]["value"] == 1.0
    expected = norm.cdf(np.abs(margins) / 0.2).mean()
    assert found["ideal noisy observer"]["value"] == pytest.approx(expected)


def test_too_few_are_said_not_scored(made):
    section, _ = audited(made, [made.look(i, a) for i, a in enumerate(made.answers(10))])
    assert section.findings[0].level == "warn"
    assert "got {'no': 5, 'yes': 5}" in section.findings[0].text
    section, _ = audited(made, [made.look(i) for i in range(50)])
    assert "got {'yes': 50}" in section.findings[0].text


def test_the_same_set_gives_the_same_figures(made):
    looks = made.looks(COUNT)
    assert audited(made, looks)[1] == audited(made, looks)[1]
