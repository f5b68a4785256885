//! Two tenants in one database: neither can find out anything about the other.

use segrec_tests::{Cluster, Database, Session, SqlState, planted};

/// Creates two tenants in one database, each with tables, a model and a login. All data of a tenant carry its name: its
/// model is `of_a`, its users and items are `of_a_1` and so on.
fn tenants(name: &str) -> (Database<'static>, [Session; 2]) {
    let database = Cluster::shared().database(name);
    let mut admin = database.connect();
    planted::create(&mut admin);
    let sessions = ["a", "b"].map(|tenant| {
        admin.run(&format!(
            "CREATE ROLE {name}_{tenant} LOGIN; CREATE SCHEMA {tenant} AUTHORIZATION {name}_{tenant};
             CREATE TABLE {tenant}.events AS
                 SELECT 'of_{tenant}_' || user_id AS user_id, 'of_{tenant}_' || item_id AS item_id FROM events;
             CREATE INDEX ON {tenant}.events (user_id);
             ALTER TABLE {tenant}.events OWNER TO {name}_{tenant}"
        ));
        let mut session = database.connect_as(&format!("{name}_{tenant}"));
        session.run(&format!(
            "SELECT segrec_create_model('of_{tenant}', '{tenant}.events', options => '{}');
             SELECT segrec_train('of_{tenant}')",
            planted::OPTIONS
        ));
        session.run(&format!(r#"CALL segrec_tune('of_{tenant}', '{{"als.factors": [4]}}')"#));
        session.run(&format!(
            "SELECT segrec_label_segment('of_{tenant}', segment, 'label of_{tenant}') FROM segrec.segments LIMIT 1;
             SELECT segrec_grant('of_{tenant}', '{name}_{tenant}', 'use')"
        ));
        session
    });
    (database, sessions)
}

#[test]
fn a_tenant_sees_nothing_of_another() {
    let (_database, [mut a, mut b]) = tenants("tenants_views");
    // Each relation is either not accessible, or shows only the tenant's own rows.
    let relations: Vec<String> = a.column(
        "SELECT oid::regclass::text FROM pg_class
         WHERE relnamespace IN ('segrec'::regnamespace, 'segrec_catalog'::regnamespace)
           AND relkind IN ('r', 'p', 'v', 'm', 'S')",
    );
    assert!(relations.len() > 40, "{relations:?}");
    let mut shown = 0;
    for relation in &relations {
        for (session, own, other) in [(&mut a, "of_a", "of_b"), (&mut b, "of_b", "of_a")] {
            if !session.value::<bool>(&format!("SELECT has_table_privilege('{relation}', 'SELECT')")) {
                let error = session.expect_error(&format!("SELECT * FROM {relation}"));
                assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE, "{relation}");
                continue;
            }
            let rows = session.table(&format!("SELECT row::text FROM {relation} AS row"));
            assert!(!rows.contains(other), "{relation} tells {own} of {other}");
            shown += usize::from(rows.contains(own));
        }
    }
    assert!(shown >= 30, "each tenant sees its own: {shown}");
    let members = "SELECT count(*) FROM segrec.segment_members";
    assert_eq!(a.value::<i64>(members), planted::USERS);
    assert_eq!(b.value::<i64>(members), planted::USERS);
}

#[test]
fn a_tenant_gets_the_same_answer_for_the_model_of_another_as_for_none() {
    let (_database, [mut a, _b]) = tenants("tenants_answers");
    for call in [
        "segrec_recommend('of_b_3', model => $)",
        "segrec_recommend(3, model => $)",
        "segrec_recommend_for(ARRAY['of_b_1'], model => $)",
        "segrec_recommend_all($)",
        "segrec_predict('of_b_3', 'of_b_7', $)",
        "segrec_explain('of_b_3', 'of_b_7', $)",
        "segrec_similar_items('of_b_7', model => $)",
        "segrec_segment_of('of_b_3', $)",
        "segrec_classify($, '{}')",
        "segrec_cut($, 2)",
        "segrec_describe_segment($, 1)",
        "segrec_train($)",
        "segrec_evaluate($)",
        "segrec_evaluate($, test => 'a.events')",
        "segrec_cross_validate($)",
        "segrec_compare($, 1, 1)",
        "segrec_deploy($, 1)",
        "segrec_rollback($)",
        "segrec_drop_version($, 1)",
        "segrec_drop_model($)",
        "segrec_alter_model($, '{}')",
        "segrec_label_segment($, 1, 'x')",
        "segrec_apply_trial($, 2, 1)",
        "segrec_grant($, 'tenants_answers_a', 'use')",
        "segrec_revoke($, 'tenants_answers_b', 'use')",
        "segrec_catalog.begin_study($, '{\"als.factors\": [4]}', 1, 'ndcg@10', 'grid', false)",
    ] {
        let mut errors = ["of_b", "of_c"].map(|model| {
            let error = a.expect_error(&format!("SELECT {}", call.replace('$', &format!("'{model}'"))));
            assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT, "{call}: {}", error.message());
            format!("{} {:?} {:?}", error.message(), error.detail(), error.hint())
        });
        assert!(errors[0].contains("The models you may use are \\\"of_a\\\"."), "{call}: {}", errors[0]);
        errors[0] = errors[0].replace("of_b", "of_c");
        assert_eq!(errors[0], errors[1], "{call}");
    }
    // Studies are numbered across all models.
    for study in [2, 77] {
        for call in ["run_trial($)", "finish_study($, false)", "finish_study($, true)"] {
            let call = call.replace('$', &study.to_string());
            let error = a.expect_error(&format!("SELECT segrec_catalog.{call}"));
            assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT, "{call}");
            assert!(error.message().contains(&format!("study {study}")), "{}", error.message());
        }
    }
    // A call that names no model uses the tenant's own.
    assert_eq!(a.table("SELECT DISTINCT left(item_id, 4) FROM segrec_recommend('of_a_3')"), "of_a");
    assert_eq!(
        a.table("SELECT DISTINCT left(item_id, 4), source FROM segrec_recommend('of_b_3')"),
        "of_a|popular"
    );
}
