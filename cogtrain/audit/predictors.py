"""What a question's truth could be guessed from without understanding the picture."""

from collections.abc import Mapping

import numpy as np

from cogtrain.audit.measure import Measurements


def nuisances(seen: Measurements) -> Mapping[str, np.ndarray]:
    """Predictors by name, ``(n, features)`` float32 each; unknown and constant ones are left out.

    Small ones hold their squares and products, too, so that a U-shaped relation is found; `all
    measures` holds every measure at once. The thumbnail is taken as it is.
    """
    extent = np.array([look.extent[:5] for look in seen.looks], dtype=np.float32)
    measures = {
        "mean colour": np.array([look.colour for look in seen.looks], dtype=np.float32),
        "luminance and contrast": np.array(
            [(look.luminance, look.contrast) for look in seen.looks], dtype=np.float32
        ),
        "height on screen": extent[:, :1],
        "area on screen": extent[:, 1:2],
        "centroid on screen": extent[:, 2:4],
        "block count": _block_counts(seen, extent[:, 4:5]),
    }
    measures = {name: values for name, values in measures.items() if np.isfinite(values).all()}
    joint = np.concatenate(list(measures.values()), axis=1)
    small = {name: quadratic(values) for name, values in measures.items()}
    small = {name: values for name, values in small.items() if values.shape[1]}
    thumbnail = seen.thumbnails.astype(np.float32)
    return small | {"all measures": quadratic(joint), "16×16 thumbnail": thumbnail}


def quadratic(values: np.ndarray) -> np.ndarray:
    """``(n, k)`` → standardised columns, then their squares and products, without constants."""
    spread = values.std(axis=0)
    varying = values[:, spread > 1e-6 * np.maximum(1.0, np.abs(values).max(axis=0, initial=0.0))]
    scaled = (varying - varying.mean(axis=0)) / varying.std(axis=0)
    first, second = np.triu_indices(scaled.shape[1])
    return np.concatenate([scaled, scaled[:, first] * scaled[:, second]], axis=1)


def _block_counts(seen: Measurements, of_scene: np.ndarray) -> np.ndarray:
    """Blocks in the picture: of the scene, or of a table that says so."""
    if np.isfinite(of_scene).all():
        return of_scene
    said = [look.factors.get("n_blocks", look.answers.get("block_count")) for look in seen.looks]
    return np.array([[_number(count)] for count in said], dtype=np.float32)


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return float("nan")
