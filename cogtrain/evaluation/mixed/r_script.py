"""The same analysis for R: a script that reads the trials and fits them by lme4 and brms."""

COLUMNS = ("analysis", "family", "stimulus", "observer", "human", "model", "trials")
"""Columns of the table of trials that `R_SCRIPT` reads, in order."""

R_SCRIPT = """\
# Mixed models of alignment, by lme4 and brms: repeats `cogtrain mixed` from trials.csv.
#
# Run: Rscript mixed.R, in the folder that holds trials.csv
# Needs: install.packages(c("lme4", "brms")), and for brms a C++ compiler
# Writes: mixed_by_r.csv
#
# Columns of trials.csv, one row per stimulus and person:
#   analysis  whose answers are predicted: a model's, or all people's
#   family    bernoulli (yes or no), binomial (number of yes answers), gaussian (z-scores)
#   stimulus  which stimulus
#   observer  which person
#   human     that person's answer
#   model     the answer to predict
#   trials    out of how many, if a number of yes answers; else 1

library(lme4)
library(brms)

# Gelman et al. (2019) as brms::bayes_R2 has it: residuals of the observed outcome.
r2 <- function(outcome, expected) {
  var(expected) / (var(expected) + var(outcome - expected))
}

by_lme4 <- function(rows, family) {
  if (family == "gaussian") {
    fit <- lmer(model ~ 1 + human + (1 + human | observer), data = rows, REML = FALSE)
  } else {
    fit <- glmer(
      cbind(model, trials - model) ~ 1 + human + (1 + human | observer),
      data = rows, family = binomial(link = "logit")
    )
  }
  slope <- fixef(fit)[["human"]]
  se <- sqrt(as.matrix(vcov(fit))["human", "human"])
  value <- sign(slope) * sqrt(r2(rows$model, fitted(fit) * rows$trials))
  data.frame(
    engine = "lme4",
    slope = slope, slope_low = slope - 1.96 * se, slope_high = slope + 1.96 * se,
    pseudo_r = value, pseudo_r_low = NA, pseudo_r_high = NA
  )
}

by_brms <- function(rows, family) {
  formula <- model ~ 1 + human + (1 + human | observer)
  if (family == "binomial") {
    formula <- model | trials(trials) ~ 1 + human + (1 + human | observer)
  }
  fit <- brm(
    formula,
    data = rows,
    family = switch(family,
      bernoulli = bernoulli(link = "logit"),
      binomial = binomial(link = "logit"),
      gaussian = gaussian()
    ),
    iter = 4000, control = list(adapt_delta = 0.95), seed = 1
  )
  slope <- brms::fixef(fit)["human", ]
  root <- sign(slope[["Estimate"]]) * sqrt(bayes_R2(fit)[1, ])
  ends <- sort(c(root[["Q2.5"]], root[["Q97.5"]]))
  data.frame(
    engine = "brms",
    slope = slope[["Estimate"]], slope_low = slope[["Q2.5"]], slope_high = slope[["Q97.5"]],
    pseudo_r = root[["Estimate"]], pseudo_r_low = ends[1], pseudo_r_high = ends[2]
  )
}

trials <- read.csv(
  "trials.csv",
  colClasses = c(
    analysis = "character", family = "character", stimulus = "character", observer = "character",
    human = "numeric", model = "numeric", trials = "integer"
  )
)
results <- list()
for (name in unique(trials$analysis)) {
  rows <- trials[trials$analysis == name, ]
  family <- rows$family[1]
  for (engine in list(by_lme4, by_brms)) {
    results[[length(results) + 1]] <- cbind(analysis = name, engine(rows, family))
  }
}
results <- do.call(rbind, results)
print(results)
write.csv(results, "mixed_by_r.csv", row.names = FALSE)
"""
