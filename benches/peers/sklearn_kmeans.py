"""Seconds of scikit-learn's k-means, two threads, on the points that `kmeans points` wrote.

Arguments: POINTS FACTORS CLUSTERS ITERATIONS SEED LABELS, as those of `kmeans linfa`. Prints
`seconds iterations` and writes the cluster of every row.
"""

import sys
import time

import numpy as np
from sklearn.cluster import KMeans

points_path, factors, clusters, iterations, seed, labels_path = sys.argv[1:]
points = np.fromfile(points_path, dtype="<f4").reshape(-1, int(factors))
model = KMeans(int(clusters), n_init=1, max_iter=int(iterations), random_state=int(seed))
start = time.perf_counter()
model.fit(points)
print(f"{time.perf_counter() - start:.4f}", model.n_iter_)
model.labels_.astype("<u4").tofile(labels_path)
