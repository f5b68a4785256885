"""SASRec in PyTorch, for comparison: the same loss and gradient, and a training by the same protocol.

Arguments:
    check FILE    a file that `sasrec export` wrote; prints for each tensor the largest difference of the gradient,
                  relative to the largest value of the tensor's gradient
    train FILE SEED THREADS [EPOCHS [PATIENCE]]
                  a file of user, item, rating, time lines; leaves the last two items of each user out, stops by
                  ndcg@10 of the last but one, and prints that of the last, with all unseen items ranked
"""

import json
import math
import sys
import time

import numpy as np
import torch
from torch.nn import functional

DROPOUT = 0.2


class Network(torch.nn.Module):
    """The network, with its tensors under the names of the engine. Matrices are input × output."""

    def __init__(self, shape, tensors):
        super().__init__()
        self.shape = shape
        self.tensors = torch.nn.ParameterDict(tensors)

    def norm(self, name, rows):
        width = self.shape["width"]
        gain, offset = self.tensors[f"{name}_gain"], self.tensors[f"{name}_offset"]
        return functional.layer_norm(rows, (width,), gain, offset, eps=1e-5)

    def vectors(self, features=None):
        items = self.tensors["item_vectors"]
        return items if features is None else items + features @ self.tensors["projection"]

    def forward(self, vectors, inputs, padding):
        """The representations at all tokens; windows are padded at the front, where `padding` is true."""
        shape, tensors = self.shape, self.tensors
        windows, length = inputs.shape
        width, heads = shape["width"], shape["heads"]
        drop = lambda rows: functional.dropout(rows, DROPOUT, self.training)
        # The newest item has position 0.
        rows = drop(vectors[inputs] + tensors["positions"][:length].flip(0))
        later = torch.ones(length, length, dtype=torch.bool).triu(1)
        hidden_tokens = later | padding[:, None, None, :]
        # A padding token sees itself, so that its row is a number.
        hidden_tokens = hidden_tokens & ~torch.eye(length, dtype=torch.bool)
        for block in range(shape["blocks"]):
            name = f"block_{block}"
            query, key, value = (
                part.view(windows, length, heads, width // heads).transpose(1, 2)
                for part in (
                    self.norm(f"{name}_attention", rows) @ tensors[f"{name}_attention_in"]
                ).split(width, dim=2)
            )
            scores = query @ key.transpose(2, 3) / math.sqrt(width // heads)
            shares = scores.masked_fill(hidden_tokens, -math.inf).softmax(3)
            attended = (shares @ value).transpose(1, 2).reshape(windows, length, width)
            rows = rows + drop(attended @ tensors[f"{name}_attention_out"])
            inner = self.norm(f"{name}_hidden", rows) @ tensors[f"{name}_hidden_in"]
            inner = functional.relu(inner + tensors[f"{name}_hidden_in_bias"])
            out = inner @ tensors[f"{name}_hidden_out"] + tensors[f"{name}_hidden_out_bias"]
            rows = rows + drop(out)
        return self.norm("final", rows)

    def loss(self, vectors, inputs, targets, padding):
        """The mean loss of the tokens that are not padding."""
        representations = self(vectors, inputs, padding)[~padding]
        scores = representations @ vectors.T + self.tensors["item_bias"]
        return functional.cross_entropy(scores, targets[~padding])


def padded(windows, length):
    """Lists of items as a matrix with zeros in front, and where those are."""
    rows = np.zeros((len(windows), length), dtype=np.int64)
    padding = np.ones((len(windows), length), dtype=bool)
    for row, window in enumerate(windows):
        if len(window):
            rows[row, -len(window) :] = window
            padding[row, -len(window) :] = False
    return torch.from_numpy(rows), torch.from_numpy(padding)


def check(path):
    with open(path) as file:
        exported = json.load(file)

    def tensor(of, precision):
        values = torch.tensor(of["values"], dtype=precision)
        return values if len(of["values"]) == of["columns"] else values.view(-1, of["columns"])

    for precision in (torch.float64, torch.float32):
        tensors = {name: tensor(of, precision) for name, of in exported["weights"].items()}
        network = Network(exported["shape"], tensors).eval()
        sequences, length = exported["sequences"], exported["shape"]["window"]
        inputs, padding = padded([sequence[:-1] for sequence in sequences], length)
        targets, _ = padded([sequence[1:] for sequence in sequences], length)
        vectors = network.vectors(tensor(exported["features"], precision))
        loss = network.loss(vectors, inputs, targets, padding)
        loss.backward()
        print(f"{precision}: loss {abs(loss.item() / exported['loss'] - 1):.1e} relative")
        for name, of in exported["gradient"].items():
            ours = tensor(of, torch.float64)
            theirs = network.tensors[name].grad.double()
            print(f"  {name:28} {((ours - theirs).abs().max() / theirs.abs().max()).item():.1e}")


def first_tensors(shape, events):
    """The first weights, drawn as the engine draws them."""
    width, hidden = shape["width"], shape["hidden"]
    normal = lambda rows, columns, deviation: torch.randn(rows, columns) * deviation
    glorot = lambda rows, columns: normal(rows, columns, math.sqrt(2 / (rows + columns)))
    tensors = {
        "positions": normal(shape["window"], width, 0.05),
        "item_vectors": normal(len(events), width, 0.05),
        "item_bias": 0.5 * torch.log1p(torch.from_numpy(events).float()),
        "final_gain": torch.ones(width),
        "final_offset": torch.zeros(width),
    }
    for block in range(shape["blocks"]):
        name = f"block_{block}"
        tensors |= {
            f"{name}_attention_gain": torch.ones(width),
            f"{name}_attention_offset": torch.zeros(width),
            f"{name}_attention_in": torch.cat([glorot(width, width) for _ in range(3)], 1),
            f"{name}_attention_out": glorot(width, width),
            f"{name}_hidden_gain": torch.ones(width),
            f"{name}_hidden_offset": torch.zeros(width),
            f"{name}_hidden_in": glorot(width, hidden),
            f"{name}_hidden_in_bias": torch.zeros(hidden),
            f"{name}_hidden_out": glorot(hidden, width),
            f"{name}_hidden_out_bias": torch.zeros(width),
        }
    return tensors


def epoch(users, length, generator):
    """Windows that cover all targets once, cut at random places."""
    windows = []
    for items in users:
        end = len(items) - 1
        most = generator.integers(1, length + 1) if end > length else length
        while end > 0:
            count = min(end, most)
            windows.append((items[end - count : end], items[end - count + 1 : end + 1]))
            end, most = end - count, length
    generator.shuffle(windows)
    return windows


def ndcg(network, users, back):
    """The mean ndcg@10 of the items `back` places before the end, and its standard error."""
    network.eval()
    length, gains = network.shape["window"], []
    with torch.no_grad():
        for start in range(0, len(users), 256):
            some = users[start : start + 256]
            inputs, padding = padded([items[:-back][-length:] for items in some], length)
            vectors = network.vectors()
            scores = network(vectors, inputs, padding)[:, -1] @ vectors.T + network.tensors["item_bias"]
            for row, items in zip(scores, some):
                row[torch.from_numpy(items[:-back])] = -math.inf
                rank = int((row > row[items[-back]]).sum())
                gains.append(1 / math.log2(rank + 2) if rank < 10 else 0.0)
    network.train()
    return np.mean(gains), np.std(gains) / math.sqrt(len(gains))


def train(path, seed, threads, epochs=100, patience=12):
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    rows = np.loadtxt(path, dtype=np.int64)
    rows = rows[np.lexsort((rows[:, 1], rows[:, 3], rows[:, 0]))]
    _, items = np.unique(rows[:, 1], return_inverse=True)
    users = np.split(items, np.flatnonzero(np.diff(rows[:, 0])) + 1)
    known = [user[:-2] for user in users]
    events = np.bincount(np.concatenate(known), minlength=items.max() + 1)
    shape = {"width": 64, "heads": 2, "hidden": 128, "blocks": 1, "window": 50}
    network = Network(shape, first_tensors(shape, events))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.9, 0.98), eps=1e-8)
    best, best_epoch, kept, steps, tokens, spent, length = -1.0, 0, None, 0, 0, 0.0, shape["window"]
    for number in range(1, epochs + 1):
        begin = time.process_time()
        windows = epoch(known, length, generator)
        for start in range(0, len(windows), 32):
            batch = windows[start : start + 32]
            inputs, padding = padded([window[0] for window in batch], length)
            targets, _ = padded([window[1] for window in batch], length)
            steps += 1
            tokens += int((~padding).sum())
            for group in optimizer.param_groups:
                group["lr"] = 1e-3 * min(steps / 100, 1)
            optimizer.zero_grad()
            network.loss(network.vectors(), inputs, targets, padding).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
        spent += time.process_time() - begin
        metric, _ = ndcg(network, users, 2)
        if metric > best:
            best, best_epoch = metric, number
            kept = {name: value.clone() for name, value in network.state_dict().items()}
        if number >= best_epoch + patience:
            break
    network.load_state_dict(kept)
    mean, error = ndcg(network, users, 1)
    print(
        f"epochs {number} best {best_epoch} validation {best:.4f} test {mean:.4f} ({error:.4f})"
        f" cpu {spent:.1f} s, {spent / tokens * 1e6:.1f} us/token"
    )


if sys.argv[1] == "check":
    check(sys.argv[2])
else:
    train(sys.argv[2], *map(int, sys.argv[3:]))
