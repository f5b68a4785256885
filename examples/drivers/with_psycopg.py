"""Recommendations with psycopg: what to show a customer, before and after an order.

    python3 examples/drivers/with_psycopg.py 42

Reads the shop of examples/shop.sql and the model "shop". The connection is that of libpq's environment variables.
"""

import sys

import psycopg

RECOMMENDED = """
    SELECT rank, item_id, name
    FROM segrec_recommend(%(customer)s, n => %(n)s, model => 'shop', exclude => %(basket)s)
    JOIN products ON id = item_id
    ORDER BY rank
"""


def recommended(connection, customer, basket=(), n=3):
    """The list of a customer, without what is in the basket: rows of a rank, the id of a product and its name."""
    # The type of a parameter follows from its value: a list of int is an array of bigint, an empty one needs a cast.
    values = {"customer": customer, "n": n, "basket": list(basket) or None}
    return connection.execute(RECOMMENDED, values).fetchall()


def main(customer):
    with psycopg.connect() as connection:
        rows = recommended(connection, customer)
        # An order counts at once, even before it is committed.
        connection.execute(
            "INSERT INTO orders SELECT max(id) + 1, %s, %s, 1, now() FROM orders", (customer, rows[0][1])
        )
        after = recommended(connection, customer, basket=[rows[1][1]])
        connection.rollback()
    for heading, shown in [("recommended", rows), ("after an order and with a basket", after)]:
        print(heading)
        for rank, product, name in shown:
            print(rank, product, name, sep="\t")


if __name__ == "__main__":
    main(int(sys.argv[1]))
