"""Seconds of scikit-learn's agglomerative clustering of the first ROWS rows that `hierarchical points` wrote.

Arguments: POINTS COLUMNS GROUPS LINKAGE ROWS LABELS. Prints `seconds peak-MB` and writes the group of
each of the rows.
"""

import resource
import sys
import time

import numpy as np
from sklearn.cluster import AgglomerativeClustering

points_path, columns, groups, linkage, rows, labels_path = sys.argv[1:]
points = np.fromfile(points_path, dtype="<f4").reshape(-1, int(columns))[: int(rows)]
model = AgglomerativeClustering(int(groups), linkage=linkage)
start = time.perf_counter()
model.fit(points)
seconds = time.perf_counter() - start
print(f"{seconds:.4f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")
model.labels_.astype("<u4").tofile(labels_path)
