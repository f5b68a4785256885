//! Users' relations, looked up by oid and locked: until the end of the transaction nobody can rename or replace one or
//! change its columns. They are described by the current catalog, not by the statement's snapshot.

use crate::error::or_raise;
use crate::pg::datums::encoding::decode;
use pgrx::{PgRelation, pg_sys};
use std::ffi::{CStr, CString, c_char};

/// A relation, locked in ACCESS SHARE mode like a query would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    pub oid: pg_sys::Oid,
    /// The schema-qualified name, quoted where necessary.
    pub quoted: String,
    /// The unqualified name, for messages.
    pub name: String,
    /// The kind of relation, `pg_class.relkind`.
    pub kind: u8,
    /// Whether it is a temporary table.
    pub is_temporary: bool,
    /// Whether it cannot be read here: a temporary table of another session or in a parallel worker, or a materialized
    /// view that has not been populated.
    pub is_out_of_reach: bool,
    /// The columns, in order.
    pub columns: Vec<Attribute>,
}

/// A column of a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    pub name: String,
    /// The type's name in SQL.
    pub type_name: String,
    /// The underlying type; that of the base type for a domain.
    pub base: Base,
    /// Its oid.
    pub base_oid: pg_sys::Oid,
}

/// A type, by how far it can be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// A built-in type, by oid.
    Builtin(pg_sys::Oid),
    /// An enum, whose owner may have defined casts.
    Enum,
    /// A base type of an extension, by name. Only superusers can create these.
    Extension(String),
    /// Any other type; its owner may have defined casts that call their functions.
    Other,
}

/// Copies and frees a C string.
///
/// # Safety
/// `name` is null, or a NUL-terminated copy in the current memory context to which nothing else points.
unsafe fn taken(name: *mut c_char) -> String {
    if name.is_null() {
        return String::new();
    }
    // SAFETY: guaranteed by the caller.
    unsafe {
        let text = in_utf8(CStr::from_ptr(name));
        pg_sys::pfree(name.cast());
        text
    }
}

/// Decodes a name of the catalog.
fn in_utf8(name: &CStr) -> String {
    or_raise(decode(name.to_bytes())).into_owned()
}

/// The name of a type in SQL.
pub fn type_name(oid: pg_sys::Oid) -> String {
    // SAFETY: gives a copy in the current memory context, also for a type that is gone.
    unsafe { taken(pg_sys::format_type_be(oid)) }
}

impl Relation {
    /// Locks and describes a relation; `None` if it is gone.
    pub fn hold(oid: pg_sys::Oid) -> Option<Self> {
        // SAFETY: a relation that is gone is not opened; one that is opened is closed again while its lock is kept.
        unsafe {
            let opened = pg_sys::try_relation_open(oid, pg_sys::AccessShareLock as i32);
            if opened.is_null() {
                return None;
            }
            // Process invalidations of changes that were committed before the lock was granted.
            pg_sys::AcceptInvalidationMessages();
            let form = (*opened).rd_rel;
            let schema = pg_sys::get_namespace_name((*form).relnamespace);
            let quoted = taken(pg_sys::quote_qualified_identifier(schema, (*form).relname.data.as_ptr()));
            pg_sys::pfree(schema.cast());
            let relation = PgRelation::from_pg(opened);
            let columns = relation
                .tuple_desc()
                .iter()
                .filter(|column| !column.attisdropped)
                .map(|column| Attribute {
                    name: in_utf8(CStr::from_ptr(column.attname.data.as_ptr())),
                    type_name: taken(pg_sys::format_type_with_typemod(column.atttypid, column.atttypmod)),
                    base: Base::of(column.atttypid),
                    base_oid: pg_sys::getBaseType(column.atttypid),
                })
                .collect();
            let name = in_utf8(CStr::from_ptr((*form).relname.data.as_ptr()));
            let is_temporary = (*form).relpersistence as u8 == pg_sys::RELPERSISTENCE_TEMP;
            let is_worker = pg_sys::ParallelWorkerNumber >= 0;
            let kind = (*form).relkind as u8;
            let is_out_of_reach = is_temporary
                && (is_worker || pg_sys::isOtherTempNamespace((*form).relnamespace))
                || kind == pg_sys::RELKIND_MATVIEW && !(*form).relispopulated;
            let held = Self { oid, quoted, name, kind, is_temporary, is_out_of_reach, columns };
            pg_sys::relation_close(opened, pg_sys::NoLock as i32);
            Some(held)
        }
    }

    /// Whether it is a table or a materialized view, which may have indexes.
    pub fn can_have_indexes(&self) -> bool {
        [pg_sys::RELKIND_RELATION, pg_sys::RELKIND_PARTITIONED_TABLE, pg_sys::RELKIND_MATVIEW]
            .contains(&self.kind)
    }

    /// The column with this name.
    pub fn column(&self, name: &str) -> Option<&Attribute> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl Base {
    fn of(declared: pg_sys::Oid) -> Self {
        // SAFETY: looks the type up in the catalog; the row is read before it is released.
        unsafe {
            let base = pg_sys::getBaseType(declared);
            let cache = pg_sys::SysCacheIdentifier::TYPEOID as i32;
            let found = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(base));
            if found.is_null() {
                return Self::Other;
            }
            let form = pg_sys::GETSTRUCT(found).cast::<pg_sys::FormData_pg_type>();
            let scalar =
                (*form).typtype as u8 == pg_sys::TYPTYPE_BASE && (*form).typelem == pg_sys::InvalidOid;
            let result = if (*form).typtype as u8 == pg_sys::TYPTYPE_ENUM {
                Self::Enum
            } else if (*form).typnamespace == pg_sys::Oid::from(pg_sys::PG_CATALOG_NAMESPACE) {
                Self::Builtin(base)
            } else if scalar {
                Self::Extension(in_utf8(CStr::from_ptr((*form).typname.data.as_ptr())))
            } else {
                Self::Other
            };
            pg_sys::ReleaseSysCache(found);
            result
        }
    }
}

/// A relation and its columns as they were when a query was built. While a session keeps the query, the relation's
/// owner may rename it, replace it by a malicious one, or give a column a type with a cast of their own. All of these
/// would run with the rights of the caller.
pub struct Watched {
    oid: pg_sys::Oid,
    columns: Vec<CString>,
    then: State,
}

/// The name of the schema, the name and kind of the relation, whether it is populated, the types of columns, and the
/// indexes.
#[derive(PartialEq, Eq)]
struct State(CString, CString, i8, bool, Vec<pg_sys::Oid>, Vec<pg_sys::Oid>);

/// The indexes of a relation, which may be gone. The relation stays locked until the end of the transaction.
fn indexes(oid: pg_sys::Oid) -> Option<Vec<pg_sys::Oid>> {
    // SAFETY: a relation that is gone is not opened; one that is opened is closed again while its lock is kept. The list is
    // a copy in the current memory context, and a list has as many cells as its length says.
    unsafe {
        let relation = pg_sys::try_relation_open(oid, pg_sys::AccessShareLock as i32);
        if relation.is_null() {
            return None;
        }
        let list = pg_sys::RelationGetIndexList(relation);
        pg_sys::relation_close(relation, pg_sys::NoLock as i32);
        if list.is_null() {
            return Some(Vec::new());
        }
        let found =
            (0..(*list).length as usize).map(|place| (*(*list).elements.add(place)).oid_value).collect();
        pg_sys::list_free(list);
        Some(found)
    }
}

/// Whether a materialized view is populated; all other relations are.
pub(super) fn is_populated(oid: pg_sys::Oid) -> bool {
    // SAFETY: looks the relation up in the catalog; the row is read before it is released.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::RELOID as i32;
        let found = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(oid));
        if found.is_null() {
            return false;
        }
        let form = pg_sys::GETSTRUCT(found).cast::<pg_sys::FormData_pg_class>();
        let is_populated = (*form).relispopulated;
        pg_sys::ReleaseSysCache(found);
        is_populated
    }
}

/// Whether a text search configuration exists.
pub fn text_config_exists(oid: pg_sys::Oid) -> bool {
    // SAFETY: looks the configuration up in the catalog; the row is released at once.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::TSCONFIGOID as i32;
        let found = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(oid));
        if !found.is_null() {
            pg_sys::ReleaseSysCache(found);
        }
        !found.is_null()
    }
}

fn state(oid: pg_sys::Oid, columns: &[CString], indexes: Vec<pg_sys::Oid>) -> State {
    // SAFETY: these look into caches; of what is gone they say nothing or zero. The names are NUL-terminated, and a
    // copy in the current memory context is nobody else's.
    unsafe {
        let taken = |name: *mut c_char| {
            if name.is_null() {
                return CString::default();
            }
            let text = CStr::from_ptr(name).to_owned();
            pg_sys::pfree(name.cast());
            text
        };
        let types = columns
            .iter()
            .map(|column| pg_sys::get_atttype(oid, pg_sys::get_attnum(oid, column.as_ptr())))
            .collect();
        State(
            taken(pg_sys::get_namespace_name(pg_sys::get_rel_namespace(oid))),
            taken(pg_sys::get_rel_name(oid)),
            pg_sys::get_rel_relkind(oid) as i8,
            is_populated(oid),
            types,
            indexes,
        )
    }
}

impl Watched {
    /// Records the current state of a relation, its indexes and some of its columns.
    pub fn new(oid: pg_sys::Oid, columns: Vec<CString>) -> Self {
        let then = state(oid, &columns, indexes(oid).unwrap_or_default());
        Self { oid, columns, then }
    }

    /// The oid of the relation.
    pub fn oid(&self) -> pg_sys::Oid {
        self.oid
    }

    pub fn columns(&self) -> impl Iterator<Item = &CStr> {
        self.columns.iter().map(CString::as_c_str)
    }

    /// Whether the recorded state is still valid. If so, it is until the end of the transaction, since the relation is
    /// locked as a query would lock it.
    pub fn is_unchanged(&self) -> bool {
        indexes(self.oid).is_some_and(|indexes| state(self.oid, &self.columns, indexes) == self.then)
    }
}
