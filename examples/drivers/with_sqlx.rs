//! Recommendations with sqlx: what to show a customer, before and after an order.
//!
//! ```sh
//! cargo run -p segrec-tests --example with_sqlx -- 42
//! ```
//!
//! Reads the shop of `examples/shop.sql` and the model "shop". The connection is that of libpq's environment variables.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use std::error::Error;

/// A place of a list: its rank, the id of a product and the name.
type Recommended = (i32, i64, String);

/// The list of a customer without what is in the basket.
async fn recommended(
    connection: &mut PgConnection,
    customer: i64,
    basket: &[i64],
    n: i32,
) -> Result<Vec<Recommended>, sqlx::Error> {
    // The types of Rust are those of the parameters: an i64 calls segrec_recommend for ids of bigint.
    sqlx::query_as(
        "SELECT rank, item_id, name FROM segrec_recommend($1, n => $2, model => 'shop', exclude => $3)
         JOIN products ON id = item_id ORDER BY rank",
    )
    .bind(customer)
    .bind(n)
    .bind(basket)
    .fetch_all(connection)
    .await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let customer: i64 = std::env::args().nth(1).ok_or("the id of a customer is missing")?.parse()?;
    let mut connection = PgConnectOptions::new().connect().await?;
    let mut transaction = connection.begin().await?;
    let rows = recommended(&mut transaction, customer, &[], 3).await?;
    let [first, second, ..] = rows.as_slice() else { return Err("fewer than two products".into()) };
    // An order counts at once, even before it is committed.
    sqlx::query("INSERT INTO orders SELECT max(id) + 1, $1, $2, 1, now() FROM orders")
        .bind(customer)
        .bind(first.1)
        .execute(&mut *transaction)
        .await?;
    let after = recommended(&mut transaction, customer, &[second.1], 3).await?;
    transaction.rollback().await?;
    for (heading, shown) in [("recommended", &rows), ("after an order and with a basket", &after)] {
        println!("{heading}");
        for (rank, item_id, name) in shown {
            println!("{rank}\t{item_id}\t{name}");
        }
    }
    Ok(())
}
