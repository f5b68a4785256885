//! All errors of the extension. [`super::report`] converts them to PostgreSQL reports.

use super::unusable_rows::{BadIds, BadRows};
use crate::pg::process::lock::Shared;
use segrec_engine::EngineError;
use segrec_engine::features::RowProblem;
use segrec_engine::options::OptionProblem;

/// The result type of the extension.
pub type Result<T, E = SegrecError> = std::result::Result<T, E>;

/// A problem with the features of a row. Positions count from 1.
#[derive(Debug)]
pub enum FeatureProblem {
    /// The array is empty.
    Empty,
    /// There are too many.
    TooMany { count: usize, most: usize },
    /// The array has more than one dimension.
    Dimensions(usize),
    /// A feature is null.
    Null { position: usize },
    /// A feature is NaN, infinite, or so large that squares would overflow.
    OutOfRange { position: usize, value: f64 },
    /// The elements are not numbers.
    NoNumbers { elements: String },
    /// Their number differs from that of `whose`.
    Length { expected: usize, found: usize, whose: &'static str },
}

/// The holder of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A process, by its id.
    Process(i32),
    /// A prepared transaction, by its name.
    Prepared(String),
    /// The lock has been released meanwhile.
    Gone,
}

/// What prevents a process from taking more memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryLimit {
    /// A limit of the process, or the system's memory.
    Process,
    /// The control group of the server, which still has this many bytes.
    Group(u64),
}

/// An error of the extension.
#[derive(Debug)]
pub enum SegrecError {
    /// An argument must not be null.
    NullArgument { argument: &'static str },
    /// The name of a model is invalid.
    InvalidName { name: String },
    /// A model with this name already exists.
    ModelExists { name: String },
    /// A model with events was to be replaced by one without, or the reverse.
    OtherKindOfModel { model: String, has_events: bool },
    /// The argument `if_exists` is not a known word.
    InvalidIfExists { value: String },
    /// There is no such model, or the caller cannot see it.
    UnknownModel { name: String, known: Vec<String> },
    /// No model was named, and there is not exactly one that can answer. Lists those that can, and those that are not
    /// deployed or lack the required events.
    WhichModel { able: Vec<String>, others: Vec<String> },
    /// Only the owner of the model may do this.
    NotOwner { name: String, owner: String },
    /// Only the owner, or a role with the privilege to train, may do this.
    NotTrainer { name: String, owner: String },
    /// Only the owner, or a role with the privilege to label, may do this.
    NotLabeller { name: String, owner: String },
    /// There is no such role.
    UnknownRole { name: String },
    /// A larger share of the listed items would be withdrawn than the caller permits.
    TooManyWithdrawn { model: String, withdrawn: usize, listed: usize, most: f64 },
    /// The argument `privilege` is not a known privilege.
    InvalidPrivilege { value: String },
    /// An argument of a rule is invalid.
    InvalidRule { argument: &'static str, problem: String, detail: Option<String>, hint: String },
    /// The rules of a model would take more than they may.
    TooManyRules { model: String, what: &'static str, count: i64, most: i64 },
    /// The model has no such rule.
    UnknownRule { model: String, rule: i64 },
    /// A rule no longer suits the relation of items.
    UnusableRule { model: String, problem: String },
    /// Options are invalid; lists all problems.
    InvalidOptions(Vec<OptionProblem>),
    /// Columns do not exist; lists all of them.
    MissingColumns { relation: String, missing: Vec<(String, String)>, existing: Vec<String> },
    /// The same column was named for users and items.
    SameColumn { relation: String, column: String },
    /// Columns have unsupported types; lists all of them.
    WrongColumnTypes { relation: String, columns: Vec<String> },
    /// The filter of an option compares columns with values that these cannot have; lists all of them.
    WrongFilter { option: String, relation: String, problems: Vec<String> },
    /// A relation was given by an oid that does not exist.
    NoSuchRelation { oid: u32 },
    /// A schema was given by an oid that does not exist.
    NoSuchSchema { oid: u32 },
    /// The ids in a relation have another type than when the model was created.
    IdKindChanged {
        /// The name of the model.
        model: String,
        /// The name of the relation.
        relation: String,
        /// Which ids: `user` or `item`.
        what: &'static str,
        /// The column of these ids.
        column: Box<str>,
        /// Its current type.
        type_name: Box<str>,
        /// The type of ids in the model.
        kind: &'static str,
    },
    /// The relation that a query should read was replaced while it was planned.
    ReplacedMeanwhile,
    /// A column of a query's result does not have the type that the query promises.
    ResultType {
        /// The number of the column, from 1.
        column: usize,
        /// The type it has.
        found: String,
        /// The type that was expected.
        asked: String,
    },
    /// Changes are not allowed within a security-restricted operation.
    Restricted,
    /// Relations of this kind cannot be read.
    NotReadable { relation: String, kind: &'static str },
    /// Ids of type text require a database in UTF-8.
    TextNeedsUtf8 { encoding: String },
    /// A text is not valid UTF-8, in a database with encoding SQL_ASCII.
    NotUtf8 { encoding: String },
    /// A text contains a zero byte.
    ZeroByte,
    /// A `jsonb` contains something that cannot be read.
    JsonBeyond { reason: String },
    /// A relation of the model was dropped; `namesake` is another relation that now has its name.
    RelationGone { model: String, argument: &'static str, namesake: Option<String> },
    /// The events relation contains rows that cannot be used.
    BadRows { relation: String, rows: BadRows },
    /// Event types in the options do not match those in the events.
    UnlistedTypes {
        /// The name of the relation.
        relation: String,
        /// The number of its rows.
        rows: u64,
        /// The number of rows with a type that the options do not list.
        unlisted: u64,
        /// These types with their numbers of rows, most common first.
        found: Vec<(String, u64)>,
        /// The types with a weight that do not occur.
        missing: Vec<String>,
    },
    /// An option requires an argument that the model was created without.
    NeedsArgument { option: &'static str, argument: &'static str },
    /// A model was created without events and without users.
    NothingToRead,
    /// The model has no events, which recommendations require.
    NoEvents { model: String },
    /// The model's segments cannot be assigned from features.
    NotClassifying { model: String, reason: &'static str },
    /// The features to classify are invalid; lists all problems.
    InvalidFeatures(Vec<RowProblem>),
    /// Rows of a relation of users or items have unusable ids.
    BadIds { relation: String, bad: BadIds, rows: usize },
    /// There is no such segment.
    UnknownSegment { model: String, segment: i32, existing: Vec<i32> },
    /// The number of segments is out of range.
    InvalidSegments,
    /// The version has no merge tree, which `segrec_cut` requires.
    NoTree { model: String },
    /// There is nothing to train on.
    NothingToTrainOn { relation: String, reason: String },
    /// No column distinguishes users.
    NothingToDivideBy { relation: String, reason: String },
    /// A relation was given to a model that was created without one of this role.
    Unbound { model: String, argument: &'static str },
    /// Another session is training the model.
    BeingTrained { model: String, holder: Holder },
    /// This transaction created the model, so other processes cannot see it yet.
    ModelNotCommitted { model: String },
    /// Background trainings are disabled by a limit of 0.
    NoJobs { of: Shared },
    /// The role has the maximum number of queued jobs.
    TooManyWaiting { most: i64 },
    /// The background worker ended before its training began.
    WorkerEnded { model: String },
    /// There is no such job, or the caller cannot see it.
    UnknownJob { job: i64 },
    /// The argument `deploy` is invalid.
    InvalidDeploy { value: String },
    /// The argument `cold` is invalid.
    InvalidCold { value: String },
    /// The argument `cold` excludes another one.
    ColdWith { argument: &'static str },
    /// The model cannot be evaluated on new items, because its algorithm does not score them.
    ScoresNoNewItems { model: String, algorithm: &'static str },
    /// The model has no deployed version.
    NotTrained { model: String },
    /// Something was added to a model that is to be dropped, which the transaction cannot see.
    ModelChanged { name: String },
    /// The version was dropped after the call's snapshot was taken, or a restore omitted some of its rows.
    VersionGone { model: String },
    /// There is no such version.
    UnknownVersion { model: String, version: i32, existing: Vec<i32> },
    /// The training of the version failed.
    VersionFailed { model: String, version: i32 },
    /// The version is only history.
    VersionIsHistory { model: String, version: i32 },
    /// What is stored of a version does not fit together, which no training and no import leaves.
    VersionDamaged { reason: String },
    /// The version is deployed and cannot be dropped.
    VersionDeployed { model: String, version: i32 },
    /// A model cannot be given to a role of which the caller is not a member.
    NotMember { role: String },
    /// A relation does not contain a version that could be imported.
    NotImportable { relation: String, reason: String },
    /// Only a superuser may import sections that cannot be validated.
    NotTrusted { relation: String },
    /// There is no earlier version to roll back to.
    NothingToRollBackTo { model: String, deployed: Option<i32> },
    /// The model's ids are of another type than those of the call.
    WrongIdType { model: String, what: &'static str, kind: &'static str, asked: &'static str },
    /// An argument that counts items or users is out of range.
    InvalidCount { argument: &'static str, least: i64, value: i64 },
    /// `max_per_group` was given, but the model has no groups of items.
    NoGroups { model: String },
    /// What rises was asked for, but the model's events have no times.
    NoTimes { model: String },
    /// The newest items were asked for, but nothing says when items were added.
    NoAddedColumn { model: String },
    /// A half-life is not positive, or too long.
    InvalidHalfLife { seconds: f64 },
    /// An integer argument is too large.
    TooLarge { value: i64 },
    /// An argument is not a JSON document.
    NoDocument { found: String },
    /// A number is not between 0 and 1.
    InvalidShare { argument: &'static str, value: f64, fact: &'static str },
    /// A version that ranks by popularity has no individual scores.
    RanksByPopularity { model: String },
    /// The features of a row are invalid.
    Features(FeatureProblem),
    /// The argument `k` is out of range.
    SegmentCount { k: i32, most: i32 },
    /// The argument `k` is not the same in all rows.
    SegmentCountChanges { before: usize, now: usize },
    /// An integer argument is out of range.
    InvalidNumber { argument: &'static str, value: i64, least: i32, most: i32 },
    /// The specification of a study is invalid; lists all problems.
    InvalidStudy(Vec<OptionProblem>),
    /// There is no such study, or the caller cannot see it.
    UnknownStudy { study: i64 },
    /// The model has no such trial.
    UnknownTrial { model: String, study: i64, trial: i32 },
    /// Another session is running a trial of the study.
    BeingTuned { study: i64, holder: Holder },
    /// pg_cron is not installed in this database.
    NoScheduler { database: String, home: Option<String>, major: i32 },
    /// The model has no schedule.
    NotScheduled { model: String },
    /// The job that trains the model belongs to another role.
    ScheduledByOther { model: String, role: String, job: i64 },
    /// The argument `min_new_events` is negative.
    InvalidMinimum { value: i64 },
    /// No rows are left on which a version could be measured.
    NothingToMeasure { relation: String, reason: String, hint: &'static str },
    /// One version predicts ratings and the other does not.
    DifferentFeedback { model: String, versions: [i32; 2], ratings: i32 },
    /// There is no metric with this name.
    UnknownMetric { metric: String },
    /// A list cannot be cut at this length.
    ListLength { k: i32 },
    /// A number in a row is invalid.
    Number { argument: &'static str, value: f64, fact: &'static str },
    /// A text or binary message is not a valid value of a type.
    InvalidValue { of: &'static str, reason: String, hint: &'static str },
    /// States of different aggregates cannot be merged.
    SummariesDiffer,
    /// A part of an aggregate was called directly.
    NotInAggregate,
    /// A training would take more memory than is allowed.
    Memory { needed: u64, allowed: u64, what: String },
    /// The system cannot provide the memory for a training.
    NoMemory { needed: u64, limit: MemoryLimit },
    /// The system cannot provide the memory for other work.
    NoMemoryFor { work: &'static str, needed: u64, limit: MemoryLimit },
    /// The aggregates of this session would hold more memory than is allowed.
    AggregateMemory { needed: u64, allowed: u64 },
    /// The system ran out of memory during the work.
    MemoryGone,
    /// Threads could not be started.
    Threads(String),
    /// An error of the engine.
    Engine(EngineError),
    /// SPI returned an error code rather than raise an SQL error.
    Spi(pgrx::spi::Error),
    /// The cache file of a version cannot be written.
    CacheNotWritten {
        /// The path of the file.
        file: String,
        /// The reason.
        reason: String,
    },
    /// The cache file of a version is damaged.
    CacheDamaged {
        /// The path of the file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A table of the extension is missing.
    TableMissing { table: String },
    /// An internal error, which indicates a bug.
    Internal(String),
}

impl From<EngineError> for SegrecError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<pgrx::spi::Error> for SegrecError {
    fn from(error: pgrx::spi::Error) -> Self {
        Self::Spi(error)
    }
}
