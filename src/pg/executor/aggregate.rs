//! Rust values as aggregate states, in the form of PostgreSQL's expanded objects (`utils/expandeddatum.h`). The state
//! has an ordinary SQL type, whose flat form is bytes, but only a pointer is passed from row to row.
//!
//! An object has a memory context of its own below the aggregate's. nodeAgg.c and nodeWindowAgg.c adopt an object whose
//! context is a direct child of the aggregate's, flatten it when it leaves the process, and delete its context with the
//! group, which drops the value.
//!
//! The values use Rust's memory, which PostgreSQL does not track. The total of all values in the process is counted
//! here and limited ([`room`]).

use crate::error::{Result, SegrecError, or_raise};
use crate::pg::datums::varlena::bytes_of;
use crate::pg::process::memory;
use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::nullable::Nullable;
use pgrx::pg_sys::panic::pgrx_extern_c_guard;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::{FromDatum, pg_sys};
use std::borrow::Cow;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A value that can be an aggregate state.
pub trait Carry: Sized + 'static {
    /// The name of its SQL type.
    const SQL: &'static str;
    /// The bytes of memory that it holds.
    fn memory(&self) -> usize;
    /// Encodes the flat form.
    ///
    /// # Errors
    /// If there is not enough memory.
    fn flatten(&self) -> Result<Vec<u8>>;
    /// Decodes the flat form.
    ///
    /// # Errors
    /// If the bytes are not a valid flat form.
    fn unflatten(bytes: &[u8]) -> Result<Self>;
}

/// The expanded object; PostgreSQL only knows its header.
#[repr(C)]
struct Object<T> {
    header: pg_sys::ExpandedObjectHeader,
    value: T,
    /// The flat form, kept between the callbacks for its size and its contents.
    flat: Option<Vec<u8>>,
    /// The number of bytes counted for it in [`HELD`].
    counted: usize,
    at_end: pg_sys::MemoryContextCallback,
}

impl<T: Carry> Object<T> {
    const METHODS: &'static pg_sys::ExpandedObjectMethods = &pg_sys::ExpandedObjectMethods {
        get_flat_size: Some(flat_size::<T>),
        flatten_into: Some(flatten_into::<T>),
    };
}

/// The number of bytes that the values of all aggregates in this process hold, as last counted.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// The value of [`HELD`] when the available memory was last checked.
static ASKED_AT: AtomicUsize = AtomicUsize::new(0);

/// The growth after which the available memory is checked again; with many groups, values grow in small steps.
const UNASKED: usize = 4 << 20;

/// The minimum limit, if work_mem is lower: some 16 million numbers. PostgreSQL's own aggregates that keep all rows
/// (`array_agg`) take up to 1 GB regardless of work_mem.
const LEAST_ALLOWED: u64 = 256 << 20;

/// Checks that aggregates may hold `more` additional bytes, and that the system has them.
///
/// # Errors
/// [`SegrecError::AggregateMemory`], [`SegrecError::NoMemoryFor`].
pub fn room(more: usize) -> Result<()> {
    if more == 0 {
        return Ok(());
    }
    // SAFETY: settings, which this thread alone changes.
    let (work_mem, multiplier) = unsafe { (pg_sys::work_mem, pg_sys::hash_mem_multiplier) };
    let allowed = ((f64::from(work_mem) * 1024.0 * multiplier) as u64).max(LEAST_ALLOWED);
    let held = HELD.load(Ordering::Relaxed);
    let needed = held.saturating_add(more) as u64;
    if needed > allowed {
        return Err(SegrecError::AggregateMemory { needed, allowed });
    }
    let asked_at = ASKED_AT.load(Ordering::Relaxed).min(held);
    if held - asked_at + more >= UNASKED {
        memory::ask("the state of an aggregate", more + UNASKED)?;
        ASKED_AT.store(held, Ordering::Relaxed);
    }
    Ok(())
}

impl<T: Carry> Object<T> {
    fn count(&mut self) {
        let now = self.value.memory();
        if now == self.counted {
            return; // for most rows, which then need no atomic operations
        }
        HELD.fetch_add(now, Ordering::Relaxed);
        HELD.fetch_sub(std::mem::replace(&mut self.counted, now), Ordering::Relaxed);
    }

    /// Encodes the flat form if that has not been done yet.
    fn flat(&mut self) -> Result<&Vec<u8>> {
        let flat = match self.flat.take() {
            Some(flat) => flat,
            None => self.value.flatten()?,
        };
        Ok(self.flat.insert(flat))
    }
}

unsafe extern "C-unwind" fn flat_size<T: Carry>(object: *mut pg_sys::ExpandedObjectHeader) -> pg_sys::Size {
    // SAFETY: PostgreSQL passes back the object it was given, which is an `Object<T>`; nobody else
    // looks at it meanwhile. The guard turns a panic into an SQL error.
    unsafe {
        pgrx_extern_c_guard(|| {
            let object = &mut *object.cast::<Object<T>>();
            pg_sys::VARHDRSZ + or_raise(object.flat()).len()
        })
    }
}

unsafe extern "C-unwind" fn flatten_into<T: Carry>(
    object: *mut pg_sys::ExpandedObjectHeader,
    result: *mut c_void,
    size: pg_sys::Size,
) {
    // SAFETY: as above; `result` has room for the `size` bytes that `flat_size` gave.
    unsafe {
        pgrx_extern_c_guard(|| {
            let object = &mut *object.cast::<Object<T>>();
            let flat = or_raise(object.flat());
            let length = flat.len().min(size - pg_sys::VARHDRSZ);
            pgrx::varlena::set_varsize_4b(result.cast(), size as i32);
            std::ptr::copy_nonoverlapping(flat.as_ptr(), result.cast::<u8>().add(pg_sys::VARHDRSZ), length);
            object.flat = None;
        })
    }
}

unsafe extern "C-unwind" fn drop_value<T: Carry>(object: *mut c_void) {
    // SAFETY: PostgreSQL calls it once, before the memory of the object goes.
    unsafe {
        pgrx_extern_c_guard(|| {
            let object = object.cast::<Object<T>>();
            HELD.fetch_sub((*object).counted, Ordering::Relaxed);
            std::ptr::drop_in_place(&raw mut (*object).value);
            std::ptr::drop_in_place(&raw mut (*object).flat);
        })
    }
}

/// The aggregate or window function on whose behalf a function is called; not an SQL argument.
pub struct Aggregate {
    context: pg_sys::MemoryContext,
}

impl Aggregate {
    /// Creates an expanded object for a value in the aggregate's memory.
    ///
    /// # Errors
    /// If the caller is not an aggregate.
    pub fn carry<T: Carry>(&self, value: T) -> Result<Held<T>> {
        const { assert!(align_of::<Object<T>>() <= 8, "palloc aligns to 8 bytes") };
        if self.context.is_null() {
            return Err(SegrecError::NotInAggregate);
        }
        // SAFETY: the aggregate's context is alive; palloc gives aligned memory or raises an error, and
        // every field is written before anybody looks. The callback lives in the object itself.
        unsafe {
            let context = pg_sys::AllocSetContextCreateInternal(
                self.context,
                c"pg_segrec aggregate".as_ptr(),
                pg_sys::ALLOCSET_SMALL_MINSIZE as usize,
                pg_sys::ALLOCSET_SMALL_INITSIZE as usize,
                pg_sys::ALLOCSET_SMALL_MAXSIZE as usize,
            );
            let object = pg_sys::MemoryContextAlloc(context, size_of::<Object<T>>()).cast::<Object<T>>();
            object.write(Object {
                header: pg_sys::ExpandedObjectHeader::default(),
                value,
                flat: None,
                counted: 0,
                at_end: pg_sys::MemoryContextCallback {
                    func: Some(drop_value::<T>),
                    arg: object.cast(),
                    next: std::ptr::null_mut(),
                },
            });
            pg_sys::EOH_init_header(&raw mut (*object).header, Object::<T>::METHODS, context);
            pg_sys::MemoryContextRegisterResetCallback(context, &raw mut (*object).at_end);
            Ok(Held { object: NonNull::new_unchecked(object) })
        }
    }
}

// SAFETY: reads nothing but what called the function.
unsafe impl<'fcx> ArgAbi<'fcx> for Aggregate {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the call information is that of the running call, and its context is null or a node. This is
        // `AggCheckCallContext`, which cannot fail, without the guard of a call into PostgreSQL: it runs for every row.
        unsafe {
            let call = pg_sys::FunctionCallInfo::unbox_arg_unchecked(arg);
            let node = (*call).context;
            let context = match node.as_ref().map(|node| node.type_) {
                Some(pg_sys::NodeTag::T_AggState) => {
                    (*(*node.cast::<pg_sys::AggState>()).curaggcontext).ecxt_per_tuple_memory
                }
                Some(pg_sys::NodeTag::T_WindowAggState) => {
                    (*node.cast::<pg_sys::WindowAggState>()).curaggcontext
                }
                _ => std::ptr::null_mut(),
            };
            Self { context }
        }
    }

    fn is_virtual_arg() -> bool {
        true
    }
}

/// A value owned by an aggregate, to be modified and returned.
pub struct Held<T> {
    object: NonNull<Object<T>>,
}

impl<T> Held<T> {
    /// The value, for modification.
    pub fn value(&mut self) -> &mut T {
        // SAFETY: the object is alive during the call, and not shared.
        let object = unsafe { self.object.as_mut() };
        object.flat = None;
        &mut object.value
    }
}

// SAFETY: the pointer in the header is the object's own read-write form.
unsafe impl<T: Carry> BoxRet for Held<T> {
    unsafe fn box_into<'fcx>(mut self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        unsafe {
            self.object.as_mut().count();
            let pointer = &raw const (*self.object.as_ptr()).header.eoh_rw_ptr;
            fcinfo.return_raw_datum(pg_sys::Datum::from(pointer))
        }
    }
}

/// An argument that is such a value, expanded or flat.
/// It is one pointer, which is looked at where it is used: what is larger would be moved through memory for every row.
pub struct Carried<'fcx, T> {
    /// Null in place of a value that a strict function never gets.
    stored: *mut pg_sys::varlena,
    value: PhantomData<&'fcx T>,
}

enum Form<'fcx, T> {
    Writable(NonNull<Object<T>>),
    Readable(NonNull<Object<T>>),
    Flat(&'fcx [u8]),
}

impl<T: Carry + Clone> Carried<'_, T> {
    /// The value itself if the aggregate may modify it, otherwise a copy.
    ///
    /// # Errors
    /// If it is flat and invalid, or the caller is not an aggregate.
    pub fn hold(self, aggregate: &Aggregate) -> Result<Held<T>> {
        match self.form() {
            // SAFETY: the object is alive during the call, and so is its context.
            Form::Writable(object)
                if unsafe { (*object.as_ref().header.eoh_context).parent } == aggregate.context =>
            {
                Ok(Held { object })
            }
            // SAFETY: as above; only read.
            Form::Writable(object) | Form::Readable(object) => {
                let value = unsafe { &object.as_ref().value };
                room(value.memory())?;
                memory::ask("the state of an aggregate", value.memory())?;
                aggregate.carry(value.clone())
            }
            Form::Flat(bytes) => {
                room(bytes.len())?;
                aggregate.carry(T::unflatten(bytes)?)
            }
        }
    }

    /// Passes the value to `reader`.
    ///
    /// # Errors
    /// If it is flat and invalid.
    pub fn read<R>(&self, reader: impl FnOnce(&T) -> R) -> Result<R> {
        match self.form() {
            // SAFETY: the object is alive during the call; the executor passes one state only once.
            Form::Writable(object) | Form::Readable(object) => Ok(reader(unsafe { &object.as_ref().value })),
            Form::Flat(bytes) => Ok(reader(&T::unflatten(bytes)?)),
        }
    }

    /// The flat form.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn bytes(&self) -> Result<Cow<'_, [u8]>> {
        Ok(match self.form() {
            // SAFETY: as above.
            Form::Writable(object) | Form::Readable(object) => {
                Cow::Owned(unsafe { &object.as_ref().value }.flatten()?)
            }
            Form::Flat(bytes) => Cow::Borrowed(bytes),
        })
    }
}

impl<'fcx, T> Carried<'fcx, T> {
    fn form(&self) -> Form<'fcx, T> {
        if self.stored.is_null() {
            return Form::Flat(&[]);
        }
        // SAFETY: the argument has the SQL type whose only expanded form is an `Object<T>`.
        unsafe {
            let tag = pgrx::varlena::varatt_is_1b_e(self.stored)
                .then(|| u32::from(pgrx::varlena::vartag_1b_e(self.stored)))
                .filter(|&tag| pgrx::varlena::vartag_is_expanded(tag));
            let Some(tag) = tag else { return Form::Flat(bytes_of(self.stored)) };
            // `DatumGetEOHP`, without the guard of a call into PostgreSQL.
            let pointer = self.stored.cast::<pg_sys::varattrib_1b_e>();
            let pointer = (&raw const (*pointer).va_data).cast::<pg_sys::varatt_expanded>();
            match NonNull::new(pointer.read_unaligned().eohptr.cast()) {
                Some(object) if tag == pg_sys::vartag_external::VARTAG_EXPANDED_RW => Form::Writable(object),
                Some(object) => Form::Readable(object),
                None => Form::Flat(&[]),
            }
        }
    }
}

impl<T> FromDatum for Carried<'_, T> {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        (!is_null).then(|| Self { stored: datum.cast_mut_ptr(), value: PhantomData })
    }
}

// SAFETY: reads the datum as its type says.
unsafe impl<'fcx, T> ArgAbi<'fcx> for Carried<'fcx, T> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        match unsafe { Self::unbox_nullable_arg(arg) } {
            Nullable::Valid(carried) => carried,
            Nullable::Null => Self { stored: std::ptr::null_mut(), value: PhantomData },
        }
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Self> {
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.into()
    }
}

// SAFETY: the type is declared in sql/schema.
unsafe impl<T: Carry> SqlTranslatable for Carried<'_, T> {
    const TYPE_IDENT: &'static str = T::SQL;
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal(T::SQL));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = Ok(ReturnsRef::One(SqlMappingRef::literal(T::SQL)));
}

// SAFETY: as above.
unsafe impl<T: Carry> SqlTranslatable for Held<T> {
    const TYPE_IDENT: &'static str = T::SQL;
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal(T::SQL));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = Ok(ReturnsRef::One(SqlMappingRef::literal(T::SQL)));
}

// SAFETY: it is no SQL argument.
unsafe impl SqlTranslatable for Aggregate {
    const TYPE_IDENT: &'static str = "segrec aggregate";
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::Skip);
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = Ok(ReturnsRef::One(SqlMappingRef::Skip));
}
