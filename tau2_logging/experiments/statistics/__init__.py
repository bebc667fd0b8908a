"""Statistics of paired designs as pure functions of arrays. The task is the unit: trials of a task are not independent of each other."""

from tau2_logging.experiments.statistics.bootstrap import Interval, bca_interval
from tau2_logging.experiments.statistics.mcnemar import Discordance, mcnemar_exact
from tau2_logging.experiments.statistics.multiplicity import benjamini_hochberg, holm
from tau2_logging.experiments.statistics.paired import Comparison, compare, differences
from tau2_logging.experiments.statistics.passk import pass_hat_k
from tau2_logging.experiments.statistics.permutation import sign_flip_p
from tau2_logging.experiments.statistics.power import Design, detectable, power_of, trials_needed

__all__ = [
    "Comparison", "Design", "Discordance", "Interval", "bca_interval", "benjamini_hochberg", "compare", "detectable", "differences", "holm",
    "mcnemar_exact", "pass_hat_k", "power_of", "sign_flip_p", "trials_needed",
]  # fmt: skip
