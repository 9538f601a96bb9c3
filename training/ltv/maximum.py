"""Maximum likelihood in logarithms of the parameters, within bounds."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import minimize

from training.ltv.purchases import Floats, PurchasesError


def fitted(
    log_likelihood: Callable[[Floats], float], start: Sequence[float], bounds: Sequence[tuple[float, float]]
) -> Floats:
    """The parameters of the greatest likelihood. `start` and `bounds` are of the parameters themselves, all positive.

    Nelder and Mead first, since it needs no derivative; then L-BFGS-B from where it stopped. A value that is not finite
    counts as impossible. Raises PurchasesError where no finite likelihood was found.
    """

    def cost(logs: Floats) -> float:
        value = -log_likelihood(np.exp(logs))
        return value if np.isfinite(value) else 1e300

    edges = np.log(np.array(bounds))
    options = {"maxiter": 4000, "maxfev": 4000, "xatol": 1e-5, "fatol": 1e-5}
    found = minimize(cost, np.log(start), method="Nelder-Mead", bounds=edges, options=options)
    better = minimize(cost, found.x, method="L-BFGS-B", bounds=edges)
    best = better if better.fun < found.fun else found
    if best.fun >= 1e299:
        raise PurchasesError("no parameters explain this table: are dates and customers in the right columns?")
    parameters: Floats = np.exp(best.x)
    return parameters
