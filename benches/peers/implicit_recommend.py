"""Milliseconds of implicit's `recommend` for one user, in process.

Arguments: a file of user,item lines after a header, FACTORS, N. Prints `mean median p99` over
random users, after a warm-up. The factors come from one sweep: their values do not matter here.
"""

import sys
import time

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

events, factors, count = sys.argv[1:]
pairs = np.loadtxt(events, delimiter=",", skiprows=1, dtype=np.int64)
matrix = csr_matrix((np.ones(len(pairs), dtype=np.float32), (pairs[:, 0], pairs[:, 1])))
model = AlternatingLeastSquares(factors=int(factors), iterations=1, num_threads=2, random_state=42)
model.fit(matrix, show_progress=False)

milliseconds = []
for user in np.random.default_rng(42).integers(matrix.shape[0], size=6000):
    start = time.perf_counter()
    model.recommend(user, matrix[user], N=int(count))
    milliseconds.append((time.perf_counter() - start) * 1000)
warm = np.array(milliseconds[1000:])
print(f"{warm.mean():.3f} {np.median(warm):.3f} {np.quantile(warm, 0.99):.3f}")
