"""LightFM, a hybrid of factors and item features, on the items of Online Retail that are new from a day on.

Argument: FOLDER with transactions.csv, online-retail-texts.csv and online-retail-embeddings.csv. Features are those that
we use: words of the description by tf-idf, bins of the price, and the sentence embeddings, projected on their first 32
directions since LightFM's time grows with the number of features. Everything is chosen on an earlier cut, by the same
measure: which features, the number of factors, and the epochs. (Factors of known items of their own, beside those of
their features, were tried too: worse, .167 instead of .182 at 32 factors and 10 epochs.) Then it is fitted to all events
before 2011-10-01. Lists rank the new items only, for all of a user's purchases of them. Prints
`ndcg standard-error seconds seconds-of-tuning`, and the grid to standard error.
"""

import csv
import itertools
import sys
import time

import numpy as np
from lightfm import LightFM
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import KBinsDiscretizer, normalize

folder = sys.argv[1]
TUNING, CUT, END = "2011-08-15", "2011-10-01", "9999"
LENGTH = 20
EPOCHS = (5, 10, 20)


def rows(name):
    with open(f"{folder}/{name}", newline="", encoding="utf-8") as file:
        yield from csv.reader(file)


# The first purchase of every (customer, article), and the median price of each article.
first, prices = {}, {}
for _, code, _, quantity, moment, price, customer, _ in itertools.islice(rows("transactions.csv"), 1, None):
    if customer and float(quantity) > 0 and float(price) > 0 and code[:5].isdigit() and len(code) >= 5:
        pair = customer, code
        first[pair] = min(moment, first.get(pair, END))
        prices.setdefault(code, []).append(float(price))
items = sorted(prices)
users = sorted({user for user, _ in first})
item_of, user_of = ({name: place for place, name in enumerate(names)} for names in (items, users))
user, item = np.array([(user_of[u], item_of[i]) for u, i in first]).T
moments = np.array(list(first.values()))

texts = dict(itertools.islice(rows("online-retail-texts.csv"), 1, None))
embedded = {line[0]: np.array(line[1:], dtype=np.float32) for line in rows("online-retail-embeddings.csv")}
words = TfidfVectorizer(token_pattern=r"\w+", sublinear_tf=True, min_df=2).fit_transform([texts.get(i, "") for i in items])
bins = KBinsDiscretizer(10, quantile_method="linear", dtype=np.float32)
price = bins.fit_transform(np.log([[np.median(prices[i])] for i in items]))
embeddings = np.array([embedded.get(i, np.zeros(384, np.float32)) for i in items])
embeddings = TruncatedSVD(32, random_state=1).fit_transform(embeddings - embeddings.mean(axis=0))
FEATURES = {
    "words, price": sparse.hstack([words, price]).tocsr(),
    "words, price, embeddings": sparse.hstack([words, price, normalize(embeddings)]).tocsr(),
}


def ndcg(model, features, cut, end):
    """ndcg of users who bought before the cut, and from it until the end an item that nobody had bought before it."""
    before = moments < cut
    new = np.setdiff1d(item[moments < end], item[before])
    hits = np.isin(item, new) & (moments < end) & np.isin(user, user[before])
    biases, factors = model.get_item_representations(features[new])
    discounts = 1 / np.log2(np.arange(2, LENGTH + 2))
    values = []
    for one in np.unique(user[hits]):
        relevant = item[hits & (user == one)]
        order = np.argsort(-(factors @ model.user_embeddings[one] + biases), kind="stable")[:LENGTH]
        gains = np.isin(new[order], relevant) @ discounts[: len(order)]
        values.append(gains / discounts[: len(relevant)].sum())
    return np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values)), len(new), len(values)


def fits(cut, features, factors, epochs):
    """The model after each of some numbers of epochs, and the seconds it took."""
    before = moments < cut
    events = sparse.coo_matrix((np.ones(before.sum(), np.float32), (user[before], item[before])), (len(users), len(items)))
    model = LightFM(no_components=factors, loss="warp", random_state=1)
    done, start = 0, time.perf_counter()
    for epoch in epochs:
        model.fit_partial(events, item_features=features, epochs=epoch - done, num_threads=2)
        done = epoch
        yield epoch, model, time.perf_counter() - start


start = time.perf_counter()
grid = {}
for name, factors in itertools.product(FEATURES, (32, 64)):
    for epoch, model, _ in fits(TUNING, FEATURES[name], factors, EPOCHS):
        grid[name, factors, epoch] = reached = ndcg(model, FEATURES[name], TUNING, CUT)[0]
        print(f"{name}; {factors} factors; {epoch} epochs: {reached:.4f}", file=sys.stderr, flush=True)
name, factors, epoch = max(grid, key=grid.get)
tuning = time.perf_counter() - start
for _, model, seconds in fits(CUT, FEATURES[name], factors, [epoch]):
    value, error, new, measured = ndcg(model, FEATURES[name], CUT, END)
    print(f"{new} new items, {measured} users; {name}; {factors} factors; {epoch} epochs", file=sys.stderr)
    print(f"{value:.4f} {error:.4f} {seconds:.1f} {tuning:.0f}")
