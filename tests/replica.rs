//! A replica serves while the primary trains, and can train once it is promoted.

use segrec_tests::{Cluster, planted, rounds};
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_replica_recommends_and_hears_of_a_new_deployment() {
    let cluster = Cluster::start();
    let database = cluster.database("durability_replica");
    let mut writer = database.connect();
    planted::create_and_train(&mut writer);
    let replica = cluster.replica();
    replica.wait_for(&cluster);
    let mut reader = replica.connect(database.name(), "postgres");
    let list = "SELECT * FROM segrec_recommend(3, 20)";
    assert_eq!(reader.table(list), writer.table(list));
    writer.run(r#"SELECT segrec_alter_model('planted', '{"als": {"factors": 5}}')"#);
    writer.run("SELECT segrec_train('planted', 'always')");
    replica.wait_for(&cluster);
    assert_eq!(reader.table(list), writer.table(list));
    assert_eq!(reader.expect_error("SELECT segrec_train('planted')").code().code(), "25006");
}

#[test]
fn a_replica_answers_during_retrains_and_trains_once_promoted() {
    let primary = Cluster::start();
    let database = primary.database("replica_retrains");
    let mut writer = database.connect();
    planted::create_and_train(&mut writer);
    // Versions are dropped as often as possible: only the deployed one and its predecessor are kept.
    writer.run(r#"SELECT segrec_alter_model('planted', '{"keep_versions": 1}')"#);
    let replica = primary.replica();
    replica.wait_for(&primary);
    let stopped = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut session = replica.connect(database.name(), "postgres");
            session.run("SET plan_cache_mode = force_generic_plan; PREPARE planned AS SELECT count(*) FROM segrec.user_factors, (SELECT FROM segrec.item_factors LIMIT 1) one");
            let mut read = 0;
            while !stopped.load(Ordering::Relaxed) {
                let user = read % planted::USERS;
                let rows: i64 = session.value(&format!("SELECT count(*) FROM segrec_recommend({user}, 10)"));
                assert_eq!(rows, 10, "user {user}");
                if read % 50 == 0 {
                    session.table("SELECT segment, users FROM segrec.segments");
                }
                // Views are read in any order, by statements that are planned again each time and by one that is not.
                match read % 8 {
                    0 => drop(session.table("SELECT count(*) FROM segrec.item_factors")),
                    2 => drop(session.table("SELECT count(*) FROM segrec.user_factors, (SELECT FROM segrec.segment_items LIMIT 1) one")),
                    4 => drop(session.table("SELECT count(*) FROM segrec.segment_items, (SELECT FROM segrec.segment_members LIMIT 1) one")),
                    6 => session.run("EXECUTE planned"),
                    _ => {}
                }
                read += 1;
            }
            read
        });
        let trained = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..rounds(20) {
                writer.run("SELECT segrec_train('planted', 'always')");
            }
        }));
        stopped.store(true, Ordering::Relaxed);
        let read = reader.join().unwrap();
        assert!(trained.is_ok() && read > 100, "{read} lists were read");
    });
    replica.wait_for(&primary);
    let before = writer.table("SELECT * FROM segrec_recommend(3, 20)");
    drop(writer);
    primary.kill();
    let mut session = replica.connect(database.name(), "postgres");
    assert!(session.value::<bool>("SELECT pg_promote()"));
    assert_eq!(session.table("SELECT * FROM segrec_recommend(3, 20)"), before);
    session.run("SELECT segrec_train('planted', 'always')");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(3, 20)"), 20);
}
