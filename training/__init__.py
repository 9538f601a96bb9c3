"""How we learn: labels, splits, models, evaluation, gate, registry; the simulator."""

import os

# Read when OpenMP is loaded, so before LightGBM is. Threads that wait for each other by spinning starve whoever else
# wants the core: two of them on a busy machine of two took 239 ms a round, sleeping ones 15 ms.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
