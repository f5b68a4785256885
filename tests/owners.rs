//! The owner of a model: how a model is given to another role, and what happens if its owner is dropped.

use segrec_tests::{Cluster, Database, Session, SqlState, planted};

/// Returns a database whose model `m` belongs to `NAME_owner`, with a role `NAME_other`.
fn owned(name: &str) -> (Database<'static>, [Session; 3]) {
    let database = Cluster::shared().database(name);
    let mut admin = database.connect();
    planted::create(&mut admin);
    admin.run(&format!(
        "CREATE ROLE {name}_owner LOGIN; CREATE ROLE {name}_other LOGIN;
         GRANT SELECT ON events TO {name}_owner; ALTER TABLE events ENABLE ROW LEVEL SECURITY;
         CREATE POLICY all_rows ON events USING (true)"
    ));
    let mut owner = database.connect_as(&format!("{name}_owner"));
    owner.run(&format!("SELECT segrec_create_model('m', 'events', options => '{}')", planted::OPTIONS));
    owner.run("SELECT segrec_train('m')");
    let other = database.connect_as(&format!("{name}_other"));
    (database, [admin, owner, other])
}

#[test]
fn a_model_is_given_to_a_role_that_the_owner_could_become_and_to_no_other() {
    let (_database, [mut admin, mut owner, mut other]) = owned("owners_give");
    let give = "SELECT segrec_change_owner('m', 'owners_give_other')";
    let error = owner.expect_error(give);
    assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE);
    assert_eq!(error.message(), "must be able to SET ROLE \"owners_give_other\"");
    assert_eq!(other.expect_error(give).code(), &SqlState::UNDEFINED_OBJECT, "it does not know of the model");
    for nobody in ["public", "nosuch"] {
        let error = admin.expect_error(&format!("SELECT segrec_change_owner('m', '{nobody}')"));
        assert_eq!(error.code(), &SqlState::UNDEFINED_OBJECT);
    }
    admin.run("GRANT owners_give_other TO owners_give_owner");
    owner.run(give);
    assert_eq!(other.table("SELECT model, owner FROM segrec.models"), "m|owners_give_other");
    other.run("SELECT segrec_recommend(3); SELECT segrec_alter_model('m', '{}')");
    admin.run("REVOKE owners_give_other FROM owners_give_owner");
    assert_eq!(owner.table("SELECT count(*) FROM segrec.models"), "0");
    let error = other.expect_error("SELECT segrec_change_owner('m', 'owners_give_owner')");
    assert_eq!(error.code(), &SqlState::INSUFFICIENT_PRIVILEGE);
}

#[test]
fn what_a_dropped_role_owned_belongs_to_the_owner_of_the_catalog_also_after_a_restore() {
    let (database, [mut admin, owner, mut other]) = owned("owners_dropped");
    drop(owner);
    admin.run("REVOKE ALL ON events FROM owners_dropped_owner; DROP ROLE owners_dropped_owner");
    assert_eq!(admin.table("SELECT model, owner FROM segrec.models"), "m|postgres");
    assert_eq!(other.table("SELECT model FROM segrec.models"), "");
    // A dump would contain only the oid of the role, which may belong to another role where it is restored.
    let dump = database.program("pg_dump").output().unwrap();
    let restored = Cluster::shared().empty_database("owners_dropped_restored");
    let printed = restored.psql(&String::from_utf8(dump.stdout).unwrap());
    assert!(!printed.contains("ERROR"), "{printed}");
    let mut session = restored.connect();
    assert_eq!(session.table("SELECT count(*) FROM segrec_catalog.model_owners"), "0");
    assert_eq!(session.table("SELECT model, owner FROM segrec.models"), "m|postgres");
    session.run("SELECT segrec_change_owner('m', 'owners_dropped_other')");
    let mut other = restored.connect_as("owners_dropped_other");
    assert_eq!(other.table("SELECT model, owner FROM segrec.models"), "m|owners_dropped_other");
    assert_eq!(other.value::<i64>("SELECT count(*) FROM segrec_recommend(3)"), 10);
}
