"""Recommendations with SQLAlchemy: a list is a subquery that joins like a table.

    python3 examples/drivers/with_sqlalchemy.py 42

Reads the shop of examples/shop.sql and the model "shop". The connection is that of libpq's environment variables.
"""

import sys

from sqlalchemy import BigInteger, DateTime, Integer, Text, bindparam, create_engine, func, insert, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Product(Base):
    __tablename__ = "products"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(Text)


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigInteger)
    product_id: Mapped[int] = mapped_column(BigInteger)
    quantity: Mapped[int] = mapped_column(Integer)
    ordered_at: Mapped[object] = mapped_column(DateTime(timezone=True))


# Arguments are named, which the functions of SQLAlchemy cannot do, so the call is a text with typed parameters.
LIST = text(
    "SELECT * FROM segrec_recommend(:customer, n => :n, model => 'shop', exclude => :basket)"
).bindparams(
    bindparam("customer", type_=BigInteger), bindparam("n", type_=Integer), bindparam("basket", type_=ARRAY(BigInteger))
)


def recommended(customer, basket=(), n=3):
    """A query of a customer's list without what is in the basket: a rank, the id of a product and its name."""
    own = LIST.bindparams(customer=customer, n=n, basket=list(basket)).columns(rank=Integer, item_id=BigInteger)
    own = own.subquery("own")
    return select(own.c.rank, Product.id, Product.name).join(own, own.c.item_id == Product.id).order_by(own.c.rank)


def main(customer):
    with Session(create_engine("postgresql+psycopg://")) as session:
        rows = session.execute(recommended(customer)).all()
        # An order counts at once, even before it is committed.
        order_id = select(func.max(Order.id) + 1).scalar_subquery()
        session.execute(
            insert(Order).values(
                id=order_id, customer_id=customer, product_id=rows[0].id, quantity=1, ordered_at=func.now()
            )
        )
        after = session.execute(recommended(customer, basket=[rows[1].id])).all()
        session.rollback()
    for heading, shown in [("recommended", rows), ("after an order and with a basket", after)]:
        print(heading)
        for rank, product, name in shown:
            print(rank, product, name, sep="\t")


if __name__ == "__main__":
    main(int(sys.argv[1]))
