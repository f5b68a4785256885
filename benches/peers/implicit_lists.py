"""Trains implicit's ALS and writes the best items of every user, which SQL then measures by the
protocol of our own lists. Untuned: its defaults, but with the weight of events (alpha) of the paper
it implements; by default an event would weigh as much as its absence.

Arguments: a file of user,item lines after a header, FACTORS, N, LISTS. Writes `user,rank,item`
lines, then prints `seconds of the training, seconds of the lists`.
"""

import sys
import time

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

events, factors, count, lists = sys.argv[1:]
pairs = np.loadtxt(events, delimiter=",", skiprows=1, dtype=np.int64)
matrix = csr_matrix((np.ones(len(pairs), dtype=np.float32), (pairs[:, 0], pairs[:, 1])))

model = AlternatingLeastSquares(
    factors=int(factors), alpha=40, iterations=15, num_threads=2, random_state=42
)
start = time.perf_counter()
model.fit(matrix, show_progress=False)
trained = time.perf_counter()
users = np.arange(matrix.shape[0])
items, _ = model.recommend(users, matrix, N=int(count))
finished = time.perf_counter()
ranks = np.broadcast_to(np.arange(1, items.shape[1] + 1), items.shape)
lines = np.column_stack([np.repeat(users, items.shape[1]), ranks.ravel(), items.ravel()])
np.savetxt(lists, lines, delimiter=",", fmt="%d")
print(f"{trained - start:.3f} {finished - trained:.3f}")
