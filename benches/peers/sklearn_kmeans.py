"""Seconds of scikit-learn's k-means, two threads, on the points that `kmeans factors` wrote.

Arguments: POINTS COLUMNS CLUSTERS STARTS ITERATIONS SEED LABELS, as those of `kmeans linfa`. Prints
seconds, after a first run on some of the rows that starts the threads, and writes the cluster of
every row.
"""

import sys
import time

import numpy as np
from sklearn.cluster import KMeans

points_path, columns, clusters, starts, iterations, seed, labels_path = sys.argv[1:]
points = np.fromfile(points_path, dtype="<f4").reshape(-1, int(columns))


def cluster(points, starts):
    model = KMeans(int(clusters), n_init=starts, max_iter=int(iterations), random_state=int(seed))
    return model.fit(points).labels_


cluster(points[:1000], 1)
start = time.perf_counter()
labels = cluster(points, int(starts))
print(f"{time.perf_counter() - start:.5f}")
labels.astype("<u4").tofile(labels_path)
