"""The best recall@20 of implicit's ALS on a validation file, and the seconds that reach it.

Arguments: TRAINING and VALIDATION (files of user,item lines after a header), FACTORS. Settings are
chosen on a small grid after ten iterations, then the number of iterations: the first from which
five more gain no more than .0005. That fit is made again on its own: reading the file and fitting
are timed. Prints `recall seconds iterations alpha regularization`, and the grid to standard error.
"""

import sys
import time

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

training, validation, factors = sys.argv[1:]


def read(file):
    pairs = np.loadtxt(file, delimiter=",", skiprows=1, dtype=np.int64)
    matrix = csr_matrix((np.ones(len(pairs), dtype=np.float32), (pairs[:, 0], pairs[:, 1])))
    matrix.data[:] = 1  # a pair that is there twice
    return matrix


def model(alpha, regularization, iterations):
    return AlternatingLeastSquares(
        factors=int(factors), alpha=alpha, regularization=regularization, iterations=iterations,
        num_threads=2, random_state=42,
    )


def recall(fitted):
    """Mean over the users of the validation file: hits in 20 over their items there."""
    users = np.flatnonzero(np.diff(relevant.indptr))
    users = users[users < matrix.shape[0]]
    items, _ = fitted.recommend(users, matrix[users], N=20)
    reached = [
        np.isin(row, relevant.indices[relevant.indptr[user] : relevant.indptr[user + 1]]).sum()
        / (relevant.indptr[user + 1] - relevant.indptr[user])
        for user, row in zip(users, items)
    ]
    return sum(reached) / np.count_nonzero(np.diff(relevant.indptr))


matrix, relevant = read(training), read(validation)

grid = {}
for alpha in (10, 40, 160):
    for regularization in (10, 50, 250):
        fitted = model(alpha, regularization, 10)
        fitted.fit(matrix, show_progress=False)
        grid[alpha, regularization] = recall(fitted)
        print(f"alpha {alpha}, regularization {regularization}: {grid[alpha, regularization]:.4f}", file=sys.stderr)
alpha, regularization = max(grid, key=grid.get)

# The recall after every iteration of one long fit.
best = (0, 0.0)  # iterations, recall
fitted = model(alpha, regularization, 40)


class Enough(Exception):
    pass


def look(iteration, *_):
    global best
    reached = recall(fitted)
    if reached > best[1] + 0.0005:
        best = (iteration + 1, reached)
    elif iteration + 1 >= best[0] + 5:
        raise Enough


try:
    fitted.fit(matrix, show_progress=False, callback=look)
except Enough:
    pass

start = time.perf_counter()
matrix = read(training)
model(alpha, regularization, best[0]).fit(matrix, show_progress=False)
print(f"{best[1]:.4f} {time.perf_counter() - start:.2f} {best[0]} {alpha} {regularization}")
