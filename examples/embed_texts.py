"""Fills a column with embeddings of the texts of a table: those of the rows that a queue names.

    python3 examples/embed_texts.py products --text "concat_ws(' ', name, category)" --once

The queue is a table (place bigint, id, …) that triggers fill; docs/embeddings.md shows them. A batch is one transaction:
rows leave the queue, their texts are read and embedded, and the embeddings are written. So a process that is killed at
any moment loses at most its batch, which stays in the queue, and several processes may work on one queue. A row whose
text changes meanwhile keeps its old embedding until its new place in the queue is reached. A text without a letter has
no embedding.

The connection is that of libpq's environment variables (PGHOST, PGDATABASE, …), unless --connection says otherwise.
"""

import argparse
import importlib
import pathlib
import sys
import time

import numpy as np
import psycopg
from psycopg import sql


def wordllama():
    """The sentence model in the package of this name: 256 numbers of unit length, about 50,000 short texts a second."""
    import wordllama

    # The package looks for its tokenizer only in the cache, so this names its own folder as the cache.
    folder = pathlib.Path(wordllama.__file__).parent
    model = wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
    return lambda texts: model.embed(texts, norm=True)


def encoder(name):
    """The function that turns a list of texts into an array with a row for each."""
    if name == "wordllama":
        return wordllama()
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def statements(options):
    """The statements that take a batch out of the queue and write an embedding."""
    names = {
        "table": sql.Identifier(*options.table.split(".")),
        "queue": sql.Identifier(*(options.queue or f"{options.table}_embedding_queue").split(".")),
        "key": sql.Identifier(options.key),
        "column": sql.Identifier(options.column),
        "text": sql.SQL(options.text.replace("%", "%%")),
    }
    # One statement, and so one snapshot: it reads the texts that the rows it takes are about, or newer ones.
    take = """
        WITH taken AS (
            DELETE FROM {queue} WHERE place = ANY (ARRAY(
                SELECT place FROM {queue} ORDER BY place LIMIT %s FOR UPDATE SKIP LOCKED))
            RETURNING id)
        SELECT queued, ({text}) FROM (SELECT DISTINCT id AS queued FROM taken) AS taken
        LEFT JOIN {table} ON {table}.{key} = queued ORDER BY queued"""
    # A text that has changed since is in the queue again, and another process may have embedded it already.
    write = "UPDATE {table} SET {column} = %s WHERE {key} = %s AND ({text}) IS NOT DISTINCT FROM %s"
    return [sql.SQL(statement).format(**names) for statement in (take, write)]


def embed(encode, texts):
    """The embedding of each text; None for one without a letter or digit, and for one that the model does not know."""
    spoken = [place for place, text in enumerate(texts) if text and any(map(str.isalnum, text))]
    embeddings = [None] * len(texts)
    if spoken:
        rows = np.asarray(encode([texts[place] for place in spoken]), dtype=np.float32)
        if rows.ndim != 2 or len(rows) != len(spoken):
            sys.exit(f"the encoder returned an array of shape {rows.shape} for {len(spoken)} texts")
        for place, row in zip(spoken, rows):
            if np.isfinite(row).all() and row.any():
                embeddings[place] = row.tolist()
    return embeddings


def embed_batch(connection, options, encode, take, write):
    """Embeds a batch in a transaction; returns the number of rows written, or None if the queue is empty."""
    with connection.transaction(), connection.cursor() as cursor:
        rows = cursor.execute(take, [options.batch]).fetchall()
        if not rows:
            return None
        embeddings = embed(encode, [text for _, text in rows])
        # In the order of the keys, so that two processes do not wait for each other.
        cursor.executemany(write, [(value, key, text) for value, (key, text) in zip(embeddings, rows)])
        return cursor.rowcount


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", help="the table, with its schema if that is not in the search path")
    parser.add_argument("--text", required=True, help="an SQL expression of a row's text, of columns of the table")
    parser.add_argument("--key", default="id", help="the column that the queue names rows by (%(default)s)")
    parser.add_argument("--column", default="embedding", help="the column to fill: real[], vector, … (%(default)s)")
    parser.add_argument("--queue", help="the queue (TABLE_embedding_queue)")
    parser.add_argument("--encoder", default="wordllama", help="or MODULE:FUNCTION of your own (%(default)s)")
    parser.add_argument("--batch", type=int, default=256, help="rows in a transaction (%(default)s)")
    parser.add_argument("--once", action="store_true", help="end when the queue is empty, instead of waiting")
    parser.add_argument("--wait", type=float, default=2, help="seconds between looks at an empty queue (%(default)s)")
    parser.add_argument("--connection", default="", help="a connection string of libpq")
    options = parser.parse_args()

    encode = encoder(options.encoder)
    take, write = statements(options)
    total = 0
    with psycopg.connect(options.connection, autocommit=True) as connection:
        while True:
            try:
                written = embed_batch(connection, options, encode, take, write)
            except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
                continue  # the batch is in the queue again
            if written is not None:
                total += written
            elif options.once:
                break
            else:
                time.sleep(options.wait)
    print(f"{total} rows embedded")


if __name__ == "__main__":
    main()
