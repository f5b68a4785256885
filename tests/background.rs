//! Trainings in the background: which role runs them, who sees and stops them, and what happens if they stop for other
//! reasons.

use segrec_tests::{Cluster, Database, Session, Shutdown, SqlState, leftovers, planted};
use std::time::Duration;

/// Options with which a training of [`planted`] takes several seconds.
const LONG: &str = r#"{"algorithm": "als", "als": {"factors": 256, "sweeps": 100, "regularization": 0.01, "unobserved_weight": 0.1}}"#;

fn create(session: &mut Session, options: &str) {
    planted::create(session);
    session.run(&format!("SELECT segrec_create_model('planted', 'events', options => '{options}')"));
}

fn start(session: &mut Session) -> i64 {
    session.value("SELECT segrec_train_in_background('planted', 'always')")
}

fn wait_for(session: &mut Session, job: i64) -> String {
    session.wait_until(&format!("SELECT state <> 'running' FROM segrec.jobs WHERE job = {job}"));
    session.table(&format!("SELECT state, version, error FROM segrec.jobs WHERE job = {job}"))
}

/// Waits until the job has finished reading and is fitting.
fn wait_for_fit(session: &mut Session, job: i64) {
    let fitting = format!(
        "SELECT EXISTS (SELECT FROM segrec.training_progress WHERE job = {job} AND phase LIKE 'backbone%' AND message <> '')"
    );
    session.wait_until(&fitting);
}

fn database(name: &str) -> Database<'static> {
    Cluster::shared().database(name)
}

#[test]
fn a_job_trains_and_deploys_though_nobody_waits_for_it() {
    let database = database("background_trains");
    let mut session = database.connect();
    create(&mut session, planted::OPTIONS);
    let job = start(&mut session);
    // The session that started the job ends.
    drop(session);
    let mut session = database.connect();
    assert_eq!(wait_for(&mut session, job), "finished|1|∅");
    assert_eq!(session.table("SELECT version, deployed, state FROM segrec.versions"), "1|t|ready");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(3, 10)"), 10);
    assert!(session.value::<bool>("SELECT finished_at > started_at FROM segrec.jobs"));
    // The times of a version cover all steps of its training, not only its writing.
    assert!(session.value::<bool>(
        "SELECT started_at + max(seconds) * interval '1 second' < finished_at
         FROM segrec.versions JOIN segrec.training_log USING (model, version) GROUP BY started_at, finished_at"
    ));
    // The result is byte for byte that of a training in the foreground.
    session
        .run("SELECT segrec_create_model('other', 'events', options => (SELECT options FROM segrec.models))");
    session.run("SELECT segrec_train('other')");
    let lists = |model: &str| format!("SELECT * FROM segrec_recommend_all('{model}', 5)");
    assert_eq!(session.table(&lists("planted")), session.table(&lists("other")));
    assert!(!session.value::<bool>(&format!("SELECT segrec_cancel({job})")));
    assert_eq!(session.notices().last().unwrap().message(), format!("job {job} is not running"));
}

#[test]
fn a_job_holds_no_snapshot_while_it_fits_and_its_model_is_locked() {
    let database = database("background_snapshot");
    let mut session = database.connect();
    create(&mut session, LONG);
    let job = start(&mut session);
    wait_for_fit(&mut session, job);
    let held = session.table(
        "SELECT backend_xmin IS NULL AND backend_xid IS NULL, xact_start IS NULL FROM pg_stat_activity
         WHERE backend_type = 'pg_segrec training' AND datname = current_database()",
    );
    assert_eq!(held, "t|t");
    let locks = session.table(
        "SELECT DISTINCT classid::regclass FROM pg_locks JOIN segrec_catalog.jobs USING (pid)
         WHERE locktype = 'object' AND database <> 0 AND state = 'running' ORDER BY 1",
    );
    assert_eq!(locks, "segrec_catalog.models\nsegrec_catalog.jobs");
    let relations = session.value::<i64>(
        "SELECT count(*) FROM pg_locks JOIN segrec_catalog.jobs USING (pid) WHERE locktype = 'relation' AND state = 'running'",
    );
    assert_eq!(relations, 0);
    for call in ["segrec_train('planted')", "segrec_drop_model('planted')"] {
        let error = session.expect_error(&format!("SELECT {call}"));
        assert_eq!(error.code(), &SqlState::LOCK_NOT_AVAILABLE, "{call}");
    }
    // Meanwhile, dead rows of other tables can be removed.
    session.run("CREATE TABLE busy AS SELECT generate_series(1, 1000) AS n; DELETE FROM busy");
    session.run("VACUUM busy");
    assert_eq!(session.value::<i64>("SELECT pg_relation_size('busy')"), 0);
    assert!(session.value::<bool>(&format!("SELECT segrec_cancel({job})")));
    assert!(wait_for(&mut session, job).starts_with("cancelled|∅|canceling statement due to user request"));
    assert_eq!(leftovers::half_written(&mut session), 0);
    assert_eq!(session.table("SELECT * FROM segrec.versions"), "");
}

#[test]
fn progress_is_seen_by_other_sessions_and_ends_with_the_training() {
    let database = database("background_progress");
    let mut session = database.connect();
    create(&mut session, LONG);
    let mut trainer = database.connect();
    let pid: i32 = trainer.value("SELECT pg_backend_pid()");
    let training = std::thread::spawn(move || trainer.expect_error("SELECT segrec_train('planted')"));
    session.wait_until(
        "SELECT EXISTS (SELECT FROM segrec.training_progress WHERE phase LIKE 'backbone%' AND message <> '')",
    );
    let seen = session.table(&format!(
        "SELECT model, version, job, share > 0 AND share < 1, message LIKE 'step % of %', memory > 1000000,
                started_at BETWEEN now() - interval '1 minute' AND now(), pid = {pid} FROM segrec.training_progress"
    ));
    assert_eq!(seen, "planted|1|∅|t|t|t|t|t");
    let shares = "SELECT share FROM segrec.training_progress";
    let first: Vec<f64> = session.column(shares);
    std::thread::sleep(Duration::from_millis(500));
    let second: Vec<f64> = session.column(shares);
    assert!(second >= first, "{first:?} {second:?}");
    session.run(&format!("SELECT pg_cancel_backend({pid})"));
    assert_eq!(training.join().unwrap().code(), &SqlState::QUERY_CANCELED);
    assert_eq!(session.table("SELECT * FROM segrec.training_progress"), "");
}

#[test]
fn a_failed_job_says_why_and_leaves_a_failed_version() {
    let database = database("background_failed");
    let mut session = database.connect();
    planted::create_and_train(&mut session);
    session.run("INSERT INTO events VALUES (NULL, 3)");
    let job = start(&mut session);
    let ended = wait_for(&mut session, job);
    assert!(
        ended.starts_with("failed|2|relation \"events\" contains 1 invalid rows")
            && ended.contains("\nHINT: "),
        "{ended}"
    );
    let versions = session
        .table("SELECT version, state, deployed, reason LIKE 'relation %' FROM segrec.versions ORDER BY 1");
    assert_eq!(versions, "1|ready|t|f\n2|failed|f|t");
    // A failed version cannot be deployed, but can be dropped.
    let error = session.expect_error("SELECT segrec_deploy('planted', 2)");
    assert_eq!(error.message(), "version 2 of model \"planted\" failed");
    assert_eq!(session.value::<i64>("SELECT count(*) FROM segrec_recommend(3, 10)"), 10);
    session.run("DELETE FROM events WHERE user_id IS NULL");
    let job = start(&mut session);
    assert_eq!(wait_for(&mut session, job), "finished|3|∅");
    session.run("SELECT segrec_rollback('planted')");
    assert_eq!(session.table("SELECT version FROM segrec.versions WHERE deployed"), "1");
    session.run("SELECT segrec_drop_version('planted', 2)");
    // The latest hundred jobs of each model are kept.
    session.run(
        "INSERT INTO segrec_catalog.jobs (job, model_id, role, pid, state)
         SELECT -n, model_id, current_user::regrole, 1, 'finished' FROM segrec_catalog.models, generate_series(1, 120) n",
    );
    let job = start(&mut session);
    assert_eq!(wait_for(&mut session, job), "finished|4|∅");
    assert_eq!(session.table("SELECT count(*), min(job) FROM segrec_catalog.jobs"), "100|-97");
    session.run("SELECT segrec_drop_model('planted')");
    assert_eq!(session.table("SELECT * FROM segrec.jobs"), "");
}

#[test]
fn a_job_works_as_the_role_that_asked_and_shows_itself_to_no_stranger() {
    let database = database("background_role");
    let mut admin = database.connect();
    create(&mut admin, planted::OPTIONS);
    admin.run(
        "CREATE ROLE background_trainer LOGIN; CREATE ROLE background_stranger LOGIN;
         CREATE ROLE background_group; GRANT background_group TO background_trainer;
         ALTER TABLE events ENABLE ROW LEVEL SECURITY;
         CREATE POLICY half ON events TO background_group USING (user_id < 300);
         GRANT SELECT ON events TO background_group;
         SELECT segrec_grant('planted', 'background_group', 'train')",
    );
    let mut trainer = database.connect_as("background_trainer");
    // The job runs as a role that may not log in, set by one that may.
    trainer.run("SET ROLE background_group");
    let job = start(&mut trainer);
    assert_eq!(wait_for(&mut trainer, job), "finished|1|∅");
    assert_eq!(trainer.table("SELECT users FROM segrec.versions"), "300");
    assert_eq!(trainer.table("SELECT role FROM segrec.jobs"), "background_group");
    let mut stranger = database.connect_as("background_stranger");
    assert_eq!(stranger.table("SELECT * FROM segrec.jobs"), "");
    let error = stranger.expect_error(&format!("SELECT segrec_cancel({job})"));
    assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT);
    assert_eq!(error.message(), format!("job {job} does not exist, or you may not cancel it"));
    let error = stranger.expect_error("SELECT segrec_train_in_background('planted')");
    assert_eq!(error.message(), "model \"planted\" does not exist");
    // A role that may only use the model does not see the job either.
    admin.run("SELECT segrec_grant('planted', 'background_stranger', 'use')");
    assert_eq!(stranger.table("SELECT * FROM segrec.jobs"), "");
    // The right to read is checked when the job reads.
    admin.run("REVOKE SELECT ON events FROM background_group");
    let job = start(&mut trainer);
    let ended = wait_for(&mut trainer, job);
    assert!(ended.starts_with("failed|2|permission denied for table events"), "{ended}");
}

#[test]
fn a_transaction_that_made_the_model_is_told_to_commit_first() {
    let database = database("background_uncommitted");
    let mut session = database.connect();
    planted::create(&mut session);
    session.run("BEGIN; SELECT segrec_create_model('planted', 'events')");
    let error = session.expect_error("SELECT segrec_train_in_background('planted')");
    assert_eq!(error.code(), &SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE);
    assert_eq!(error.hint(), Some("Commit the transaction first."));
    session.run("ROLLBACK");
    let error = session.expect_error("SELECT segrec_train_in_background('nosuch')");
    assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT);
}

#[test]
fn jobs_that_are_ended_from_outside_are_shown_as_failed_and_hold_up_nothing() {
    let cluster = Cluster::start();
    let database = cluster.database("background_ended");
    let mut session = database.connect();
    create(&mut session, planted::OPTIONS);
    session.run("SELECT segrec_train('planted')");
    let list = session.table("SELECT * FROM segrec_recommend(3, 10)");
    session.run(&format!("SELECT segrec_alter_model('planted', '{LONG}')"));
    for way in 0..4 {
        let job = start(&mut session);
        wait_for_fit(&mut session, job);
        match way {
            0 => session.run("SELECT pg_terminate_backend(pid) FROM segrec.training_progress"),
            1 => cluster.restart(),
            2 => {
                cluster.stop(Shutdown::Immediate);
                cluster.start_again();
            }
            _ => {
                cluster.kill();
                cluster.start_again();
            }
        }
        session = database.connect();
        let ended = wait_for(&mut session, job);
        assert!(ended.starts_with("failed|∅|its process ended"), "{way}: {ended}");
        assert_eq!(session.table("SELECT * FROM segrec.training_progress"), "");
        assert_eq!(session.table("SELECT * FROM segrec_recommend(3, 10)"), list);
        assert_eq!(leftovers::half_written(&mut session), 0);
    }
    session.run(&format!("SELECT segrec_alter_model('planted', '{}')", planted::OPTIONS));
    session.run(r#"SELECT segrec_alter_model('planted', '{"algorithm": "als", "als": {"sweeps": 4}}')"#);
    let job = start(&mut session);
    assert!(wait_for(&mut session, job).starts_with("finished|"));
    // The table now contains what the view showed.
    assert_eq!(
        session.table("SELECT DISTINCT state FROM segrec_catalog.jobs ORDER BY 1"),
        "failed\nfinished"
    );
}
