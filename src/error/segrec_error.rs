//! Everything that can go wrong. What PostgreSQL is told of it stands in [`super::report`].

use super::unusable_rows::{BadIds, BadRows};
use crate::pg::process::lock::Shared;
use segrec_engine::EngineError;
use segrec_engine::features::RowProblem;
use segrec_engine::options::OptionProblem;

/// The extension's result.
pub type Result<T, E = SegrecError> = std::result::Result<T, E>;

/// What is wrong with the features of a row. Positions count from 1.
#[derive(Debug)]
pub enum FeatureProblem {
    /// There are none.
    Empty,
    /// There are more than can be.
    TooMany { count: usize, most: usize },
    /// The array has rows and columns.
    Dimensions(usize),
    /// One is null.
    Null { position: usize },
    /// One is NaN, infinite or so large that squares overflow.
    OutOfRange { position: usize, value: f64 },
    /// They are no numbers.
    NoNumbers { elements: String },
    /// Their number is not that of `whose`.
    Length { expected: usize, found: usize, whose: &'static str },
}

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A process.
    Process(i32),
    /// A prepared transaction of that name.
    Prepared(String),
    /// Nobody any more.
    Gone,
}

/// What stands against taking memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryLimit {
    /// A limit of the process, or the system's own.
    Process,
    /// The control group of the server, which would give this many bytes.
    Group(u64),
}

/// An error of the extension.
#[derive(Debug)]
pub enum SegrecError {
    /// An argument is null that must not be.
    NullArgument { argument: &'static str },
    /// A model's name is not acceptable.
    InvalidName { name: String },
    /// A model of that name exists.
    ModelExists { name: String },
    /// There is no such model, or the caller may not know of it.
    UnknownModel { name: String, known: Vec<String> },
    /// No model was named and not exactly one could answer: those that could, and those that are not deployed or have no
    /// events where the call needs them.
    WhichModel { able: Vec<String>, others: Vec<String> },
    /// Only the owner may do this.
    NotOwner { name: String, owner: String },
    /// Only the owner, or who holds the privilege, may train.
    NotTrainer { name: String, owner: String },
    /// There is no such role.
    UnknownRole { name: String },
    /// `privilege` is not one of its words.
    InvalidPrivilege { value: String },
    /// Options are wrong; all problems.
    InvalidOptions(Vec<OptionProblem>),
    /// Columns are missing; all of them.
    MissingColumns { relation: String, missing: Vec<(String, String)>, existing: Vec<String> },
    /// Users and items would be read from the same column.
    SameColumn { relation: String, column: String },
    /// Columns have unsupported types; all of them.
    WrongColumnTypes { relation: String, columns: Vec<String> },
    /// A relation was given by a number that none has.
    NoSuchRelation { oid: u32 },
    /// A schema was given by a number that none has.
    NoSuchSchema { oid: u32 },
    /// The ids in a relation are of another kind than those that the model was made for.
    IdKindChanged {
        /// The model.
        model: String,
        /// The relation.
        relation: String,
        /// Whose ids: `user` or `item`.
        what: &'static str,
        /// Their column.
        column: Box<str>,
        /// The type that it has now.
        type_name: Box<str>,
        /// The kind that the model was made for.
        kind: &'static str,
    },
    /// While a query was planned, another relation was put in the place of the one that it is to read.
    ReplacedMeanwhile,
    /// A column of a query's result has not the type that the query gives it.
    ResultType {
        /// Its place, from 1.
        column: usize,
        /// The type it has.
        found: String,
        /// The type it should have.
        asked: String,
    },
    /// Within a security-restricted operation nothing is changed.
    Restricted,
    /// The relation is of a kind that cannot be read.
    NotReadable { relation: String, kind: &'static str },
    /// Text ids need a database in UTF-8.
    TextNeedsUtf8 { encoding: String },
    /// A text is not UTF-8, in a database that takes any bytes.
    NotUtf8 { encoding: String },
    /// A text has a zero byte.
    ZeroByte,
    /// A `jsonb` holds what cannot be read.
    JsonBeyond { reason: String },
    /// The model's relation was dropped.
    /// `namesake` is a relation that has its name now.
    RelationGone { model: String, argument: &'static str, namesake: Option<String> },
    /// The events relation holds rows that cannot be used.
    BadRows { relation: String, rows: BadRows },
    /// Types of events are named in another way than in the options.
    UnlistedTypes {
        /// The relation.
        relation: String,
        /// Its rows.
        rows: u64,
        /// Those of a type that the options do not list.
        unlisted: u64,
        /// Their types with their numbers, the commonest first.
        found: Vec<(String, u64)>,
        /// The types with a weight that do not occur.
        missing: Vec<String>,
    },
    /// Options need something that the model was created without.
    NeedsArgument { option: &'static str, argument: &'static str },
    /// A model was given nothing to read.
    NothingToRead,
    /// The model has no events to recommend from.
    NoEvents { model: String },
    /// The model's segments cannot be found from a row of users.
    NotClassifying { model: String, reason: &'static str },
    /// A row that is to be classified is wrong; all problems.
    InvalidFeatures(Vec<RowProblem>),
    /// Rows of a relation of users or items have ids that cannot be used.
    BadIds { relation: String, bad: BadIds, rows: usize },
    /// There is no such segment.
    UnknownSegment { model: String, segment: i32, existing: Vec<i32> },
    /// A number of segments is out of range.
    InvalidSegments,
    /// The version has no merge tree.
    NoTree { model: String },
    /// Nothing to train on.
    NothingToTrainOn { relation: String, reason: String },
    /// Nothing tells users apart.
    NothingToDivideBy { relation: String, reason: String },
    /// A model is pointed at another relation where it has none.
    Unbound { model: String, argument: &'static str },
    /// Another session trains the model.
    BeingTrained { model: String, holder: Holder },
    /// This transaction made the model, so another process does not see it.
    ModelNotCommitted { model: String },
    /// No training in the background may run.
    NoJobs { of: Shared },
    /// As many trainings of a role wait as may.
    TooManyWaiting { most: i64 },
    /// The process ended before it began to work.
    WorkerEnded { model: String },
    /// There is no such job, or the caller may not see it.
    UnknownJob { job: i64 },
    /// `deploy` is not one of its words.
    InvalidDeploy { value: String },
    /// The model has no deployed version.
    NotTrained { model: String },
    /// Something was added to the model that is to be dropped, which the transaction does not see.
    ModelChanged { name: String },
    /// The version was dropped after the call's snapshot was taken, or a restore did not bring all its rows.
    VersionGone { model: String },
    /// There is no such version.
    UnknownVersion { model: String, version: i32, existing: Vec<i32> },
    /// The training of the version failed.
    VersionFailed { model: String, version: i32 },
    /// What is stored of a version does not fit together, which no training and no import leaves.
    VersionDamaged { reason: String },
    /// The version answers and cannot be dropped.
    VersionDeployed { model: String, version: i32 },
    /// A model is to be given to a role that the caller is no member of.
    NotMember { role: String },
    /// A relation holds no version that could be imported.
    NotImportable { relation: String, reason: String },
    /// Only a superuser may import what cannot be checked.
    NotTrusted { relation: String },
    /// There is nothing to roll back to.
    NothingToRollBackTo { model: String, deployed: Option<i32> },
    /// The model's ids are of another type than the call's.
    WrongIdType { model: String, what: &'static str, kind: &'static str, asked: &'static str },
    /// `n` is out of range.
    InvalidCount { n: i64 },
    /// A whole number is larger than an integer.
    TooLarge { value: i64 },
    /// An argument that is a JSON document has another type.
    NoDocument { found: String },
    /// A number that goes from 0 to 1 does not.
    InvalidShare { argument: &'static str, value: f64, fact: &'static str },
    /// A version that ranks by popularity has no score of its own for a user.
    RanksByPopularity { model: String },
    /// The features of a row cannot be used.
    Features(FeatureProblem),
    /// `k` is out of range.
    SegmentCount { k: i32, most: i32 },
    /// `k` is not the same in all rows.
    SegmentCountChanges { before: usize, now: usize },
    /// A whole number is out of its bounds.
    InvalidNumber { argument: &'static str, value: i64, least: i32, most: i32 },
    /// What a study is asked for is wrong; all problems.
    InvalidStudy(Vec<OptionProblem>),
    /// There is no such study, or the caller may not know of it.
    UnknownStudy { study: i64 },
    /// There is no such trial of the model.
    UnknownTrial { model: String, study: i64, trial: i32 },
    /// Another session runs a trial of the study.
    BeingTuned { study: i64, holder: Holder },
    /// pg_cron is not in this database.
    NoScheduler { database: String, home: Option<String>, major: i32 },
    /// The model has no schedule.
    NotScheduled { model: String },
    /// The job that trains the model is another role's.
    ScheduledByOther { model: String, role: String, job: i64 },
    /// `min_new_events` is negative.
    InvalidMinimum { value: i64 },
    /// There is nothing that could measure.
    NothingToMeasure { relation: String, reason: String, hint: &'static str },
    /// One version predicts ratings, the other does not.
    DifferentFeedback { model: String, versions: [i32; 2], ratings: i32 },
    /// There is no metric of that name.
    UnknownMetric { metric: String },
    /// A list is to be cut where it has no place.
    ListLength { k: i32 },
    /// A number of a row cannot be used.
    Number { argument: &'static str, value: f64, fact: &'static str },
    /// A text or message is not a value of a type.
    InvalidValue { of: &'static str, reason: String, hint: &'static str },
    /// Summaries of different aggregates were to become one.
    SummariesDiffer,
    /// The parts of an aggregate are not functions to call.
    NotInAggregate,
    /// More memory would be needed than allowed.
    Memory { needed: u64, allowed: u64, what: String },
    /// The system would not give the memory that is needed.
    NoMemory { needed: u64, limit: MemoryLimit },
    /// The same of other work than a training.
    NoMemoryFor { work: &'static str, needed: u64, limit: MemoryLimit },
    /// The aggregates of this session would hold more than they may.
    AggregateMemory { needed: u64, allowed: u64 },
    /// The system gave no memory in the middle of the work.
    MemoryGone,
    /// No threads.
    Threads(String),
    /// The engine's own errors.
    Engine(EngineError),
    /// SPI reported something that is not an SQL error.
    Spi(pgrx::spi::Error),
    /// The file that sessions share cannot be written.
    CacheNotWritten {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// The file that sessions share is not what was written.
    CacheDamaged {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A table of the extension's own is not there.
    TableMissing { table: String },
    /// Something that cannot be.
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
