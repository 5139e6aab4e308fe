"""Mixed models of alignment: `model ~ 1 + human + (1 + human | observer)`.

`mixed` fits them for every observer of a judgments table, by maximum likelihood (gpboost, extra
`stats`) or as the Bayesian model of the published studies (PyMC, extra `bayes`), and hands over an
R script that repeats the analysis by lme4 and brms.
"""

from cogtrain.evaluation.mixed.analysis import Analysis, format_mixed, mixed, mixed_files
from cogtrain.evaluation.mixed.fit import MixedFit
from cogtrain.evaluation.mixed.pseudo_r import pseudo_r
from cogtrain.evaluation.mixed.trials import Trials

__all__ = ["Analysis", "MixedFit", "Trials", "format_mixed", "mixed", "mixed_files", "pseudo_r"]
