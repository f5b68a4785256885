//! Events with planted tastes: user u and item i belong to taste u mod 4 and i mod 4. A user has each item of their
//! taste with probability ¼, and any other with 1/100. A hash decides, so the events are the same on each server and in
//! each run.

use crate::Session;

/// The number of users that [`create`] makes.
pub const USERS: i64 = 600;
/// The number of items that [`create`] makes.
pub const ITEMS: i64 = 120;
/// The number of tastes of users and items.
pub const TASTES: i64 = 4;
/// Options that are suitable for such a small data set.
pub const OPTIONS: &str = r#"{"als": {"factors": 8}, "segmentation": {"segments": 4}}"#;

/// Creates a table `events(user_id bigint, item_id bigint)` with an index on the users.
pub fn create(session: &mut Session) {
    session.run(&format!(
        "CREATE TABLE events AS
         SELECT u AS user_id, i AS item_id
         FROM generate_series(0::bigint, {USERS} - 1) u, generate_series(0::bigint, {ITEMS} - 1) i
         WHERE ('x' || substr(md5(u || ',' || i), 1, 6))::bit(24)::int / 16777216.0
               < CASE WHEN u % {TASTES} = i % {TASTES} THEN .25 ELSE .01 END;
         CREATE INDEX ON events (user_id)"
    ));
}

/// Creates the table and trains the model `planted` on it.
pub fn create_and_train(session: &mut Session) {
    create(session);
    session.run(&format!("SELECT segrec_create_model('planted', 'events', options => '{OPTIONS}')"));
    session.run("SELECT segrec_train('planted')");
    session.notices();
}

/// Creates and trains as above, and deploys a second version that blends factors of segments with neighbours.
pub fn train_blended(session: &mut Session) {
    create_and_train(session);
    session.run(
        r#"SELECT segrec_alter_model('planted', '{"neighbours": {"share": 0.4}}');
           SELECT segrec_train('planted', 'always')"#,
    );
    session.notices();
}
