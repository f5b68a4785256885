"""Seconds of one sweep of implicit's conjugate-gradient ALS, two threads.

Arguments: a file of user,item lines, then numbers of factors. Prints `factors seconds`, the median
of nine sweeps. Run with OPENBLAS_NUM_THREADS=1.
"""

import sys
import time

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

pairs = np.loadtxt(sys.argv[1], delimiter=",", skiprows=1, dtype=np.int64)
matrix = csr_matrix((np.ones(len(pairs), dtype=np.float32), (pairs[:, 0], pairs[:, 1])))
for factors in map(int, sys.argv[2:]):
    seconds = []
    model = AlternatingLeastSquares(
        factors=factors, use_cg=True, iterations=10, num_threads=2, random_state=42
    )
    previous = [None]

    def tick(iteration, elapsed, *_):
        seconds.append(elapsed)

    model.fit(matrix, show_progress=False, callback=tick)
    print(factors, f"{np.median(seconds[1:]):.4f}")
