"""CIELAB and simulated colour vision from published matrices, not from the renderer."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

# IEC 61966-2-1: linear sRGB to CIE XYZ with the white point D65.
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE = XYZ.sum(axis=1)

# Machado, Oliveira & Fernandes 2009, severity 1, on linear sRGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def linear(srgb: ArrayLike) -> NDArray[np.float64]:
    """Linear light of 8-bit sRGB."""
    s = np.asarray(srgb, float) / 255
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)


def luminance(srgb: ArrayLike) -> NDArray[np.float64]:
    """CIE Y, 1 for white."""
    return linear(srgb) @ XYZ[1]


def cielab(srgb: ArrayLike, *, vision: str = "normal") -> NDArray[np.float64]:
    """CIELAB (D65) of 8-bit sRGB as someone with that colour vision sees it."""
    seen = np.clip(linear(srgb) @ VISION[vision].T, 0, 1)
    ratio = seen @ XYZ.T / WHITE
    d = 6 / 29
    f = np.where(ratio > d**3, np.cbrt(ratio), ratio / (3 * d * d) + 4 / 29)
    return np.stack(
        [
            116 * f[..., 1] - 16,
            500 * (f[..., 0] - f[..., 1]),
            200 * (f[..., 1] - f[..., 2]),
        ],
        axis=-1,
    )


def distances(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """ΔE*ab (1976) of every colour in `a` (N, 3) to every one in `b` (M, 3)."""
    return np.linalg.norm(a[:, None] - b[None], axis=-1)
