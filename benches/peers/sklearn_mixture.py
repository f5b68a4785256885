"""Seconds of scikit-learn's Gaussian mixture on the points that `mixture planted` wrote.

Arguments: POINTS COLUMNS GROUPS LABELS FOUND, as those of `mixture ours`. Prints
`seconds iterations log-likelihood` and writes the likeliest group of every row.
"""

import sys
import time

import numpy as np
from sklearn.mixture import GaussianMixture

points_path, columns, groups, labels_path, found_path = sys.argv[1:]
points = np.fromfile(points_path, dtype="<f4").reshape(-1, int(columns))
start_labels = np.fromfile(labels_path, dtype="<u4")


class Started(GaussianMixture):
    """Begins with given clusters."""

    def _initialize_parameters(self, X, random_state, xp=None):
        self._initialize(X, np.eye(self.n_components, dtype=X.dtype)[start_labels])


model = Started(int(groups))
start = time.perf_counter()
model.fit(points)
seconds = time.perf_counter() - start
print(f"{seconds:.4f} {model.n_iter_} {model.score(points.astype(np.float64)):.4f}")
model.predict(points).astype("<u4").tofile(found_path)
