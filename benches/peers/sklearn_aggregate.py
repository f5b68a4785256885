"""scikit-learn's k-means over all rows, beside the aggregate `segrec_kmeans`, two threads.

    points POINTS COPY                 draws a mixture of 64 clouds of unequal size: a million rows of 16 values, as
                                       raw float32 and as the binary form of COPY for a column real[]
    kmeans POINTS CLUSTERS SEED        prints `seconds inertia`
    inertia POINTS CLUSTERS            prints the inertia of all rows about the centroids of a segrec_clusters, a file
                                       with its JSON
"""

import json
import sys
import time

import numpy as np

ROWS, COLUMNS, CLOUDS = 1_000_000, 16, 64


def read(path):
    return np.fromfile(path, dtype="<f4").reshape(-1, COLUMNS)


def draw(points_path, copy_path):
    random = np.random.default_rng(42)
    middles = random.normal(0, 2, (CLOUDS, COLUMNS))
    cloud = random.choice(CLOUDS, ROWS, p=random.dirichlet(np.full(CLOUDS, 2.0)))
    points = (middles[cloud] + random.normal(0, 1, (ROWS, COLUMNS))).astype("<f4")
    points.tofile(points_path)
    value = [("length", ">i4"), ("value", ">f4")]
    head = ["bytes", "dimensions", "nulls", "type", "length", "first"]
    rows = np.zeros(ROWS, [("fields", ">i2")] + [(name, ">i4") for name in head] + [("values", value, COLUMNS)])
    rows["fields"] = rows["dimensions"] = rows["first"] = 1
    rows["bytes"], rows["type"], rows["length"] = 20 + 8 * COLUMNS, 700, COLUMNS
    rows["values"]["length"], rows["values"]["value"] = 4, points
    with open(copy_path, "wb") as file:
        file.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        rows.tofile(file)
        file.write(b"\xff\xff")


def kmeans(points_path, clusters, seed):
    from sklearn.cluster import KMeans

    points = read(points_path)
    model = KMeans(int(clusters), n_init=1, random_state=int(seed))
    start = time.perf_counter()
    model.fit(points)
    print(f"{time.perf_counter() - start:.3f} {model.inertia_:.1f}")


def inertia(points_path, clusters_path):
    with open(clusters_path) as file:
        clusters = json.load(file)
    centroids = np.array([segment["centroid"] for segment in clusters["segments"]])
    total = 0.0
    for block in np.array_split(read(points_path).astype(float), 100):
        distances = (block**2).sum(1)[:, None] - 2 * block @ centroids.T + (centroids**2).sum(1)
        total += distances.min(1).sum()
    print(f"{total:.1f}")


{"points": draw, "kmeans": kmeans, "inertia": inertia}[sys.argv[1]](*sys.argv[2:])
