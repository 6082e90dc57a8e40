//! The checks of what callers hand in: handles, structs, memory, texts; and what is handed out.

use std::ffi::{c_char, c_void};
use std::hint::cold_path;

use engine::Timestamp;

use crate::abi::Sized32;
use crate::guard::{
    BAD_HANDLE, BUFFER_TOO_SMALL, Fault, MISALIGNED, NOT_UTF8, NULL_POINTER, OUT_OF_RANGE, STATE_MEMORY, STRUCT_SIZE,
    Status,
};

/// What an opaque handle points to. The number before it tells which kind it is, and that it was not freed.
pub(crate) trait Handle: Sized {
    const MAGIC: u64;
}

/// A magic of four letters. The upper half is 0, because processors compare what they have in memory with 32 bits at once.
pub(crate) const fn magic(letters: [u8; 4]) -> u64 {
    u32::from_le_bytes(letters) as u64
}

/// How a handle lies in memory; the caller's pointer is one to the whole.
#[repr(C)]
struct Marked<T> {
    magic: u64,
    value: T,
}

/// # Safety
/// `pointer` is null or a handle that nobody frees meanwhile. (A freed one is told as far as its memory still is there.)
#[inline]
pub(crate) unsafe fn handle<'a, T: Handle>(pointer: *const T) -> Result<&'a T, Status> {
    let marked = pointer.cast::<Marked<T>>();
    if marked.is_null() {
        return fails(NULL_POINTER);
    }
    // SAFETY: a handle begins with its magic; what is none is only looked at.
    if unsafe { marked.cast::<u64>().read_unaligned() } != T::MAGIC {
        return fails(BAD_HANDLE);
    }
    // SAFETY: it is a live handle of this kind.
    Ok(unsafe { &(*marked).value })
}

/// Takes a handle back from the caller; `None` where it is null, or no handle of this kind.
///
/// # Safety
/// As [`handle`], and nobody uses it any more.
pub(crate) unsafe fn take_handle<T: Handle>(pointer: *mut T) -> Option<T> {
    // SAFETY: the caller vouches for the pointer.
    unsafe { handle(pointer) }.ok()?;
    let marked = pointer.cast::<Marked<T>>();
    // SAFETY: it was made by `give_handle`. The mark makes a second use an error for as long as the memory is not reused.
    let boxed = unsafe {
        (&raw mut (*marked).magic).write_volatile(0);
        Box::from_raw(marked)
    };
    Some(boxed.value)
}

/// # Safety
/// `out` is null or the caller's place for a handle.
pub(crate) unsafe fn give_handle<T: Handle>(
    out: *mut *mut T,
    value: impl FnOnce() -> Result<T, Fault>,
) -> Result<(), Fault> {
    // SAFETY: checked first; the caller vouches for `out`. Null first, so that a failure leaves nothing to be freed.
    unsafe { put(out, std::ptr::null_mut())? };
    let marked = Box::into_raw(Box::new(Marked { magic: T::MAGIC, value: value()? }));
    // SAFETY: as above.
    unsafe { put(out, marked.cast())? };
    Ok(())
}

/// # Safety
/// None beyond what the type says: the pointer is only looked at.
#[inline]
pub(crate) unsafe fn check<T>(pointer: *const T) -> Result<(), Status> {
    if pointer.is_null() {
        return fails(NULL_POINTER);
    }
    if !pointer.is_aligned() {
        return fails(MISALIGNED);
    }
    Ok(())
}

/// A failure, told to the compiler to be rare: it then leaves each check a test and a jump.
#[expect(clippy::inline_always, reason = "measured: a call costs as much as what it does")]
#[inline(always)]
pub(crate) fn fails<T>(status: Status) -> Result<T, Status> {
    cold_path();
    Err(status)
}

/// The caller's struct that is read, of which the fields that it knows are there.
///
/// # Safety
/// `pointer` is null or the caller's struct, with its size in it.
#[inline]
pub(crate) unsafe fn given<'a, T: Sized32>(pointer: *const T) -> Result<&'a T, Status> {
    // SAFETY: the caller vouches for the pointer.
    unsafe { check(pointer)? };
    // SAFETY: as above; it begins with its size.
    if (unsafe { pointer.cast::<u32>().read() } as usize) < size_of::<T>() {
        return fails(STRUCT_SIZE);
    }
    // SAFETY: it is at least as large as its type, and any bits are a value.
    Ok(unsafe { &*pointer })
}

/// The caller's struct that is written. It is written field by field: a whole one would be made beside it and copied.
///
/// # Safety
/// `pointer` is null or the caller's struct, initialised, with its size in it, and nobody else uses it meanwhile.
#[inline]
pub(crate) unsafe fn taken<'a, T: Sized32>(pointer: *mut T) -> Result<&'a mut T, Status> {
    // SAFETY: the caller vouches for the pointer.
    unsafe { given(pointer)? };
    // SAFETY: as above, and nobody else uses it.
    Ok(unsafe { &mut *pointer })
}

/// As [`taken`], of a struct that may be null because nobody asks.
///
/// # Safety
/// As [`taken`].
#[inline]
pub(crate) unsafe fn maybe_taken<'a, T: Sized32>(pointer: *mut T) -> Result<Option<&'a mut T>, Status> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller vouches for the pointer.
    unsafe { taken(pointer) }.map(Some)
}

/// Lent memory as words.
///
/// # Safety
/// `state` is null or `size` bytes that the caller lends until the entry returns.
#[inline]
pub(crate) unsafe fn words<'a>(state: *mut c_void, size: usize) -> Result<&'a mut [u64], Status> {
    let first = state.cast::<u64>();
    // SAFETY: it is only looked at.
    unsafe { check(first)? };
    if size > isize::MAX as usize {
        return fails(OUT_OF_RANGE);
    }
    // SAFETY: aligned, not null, and the caller lends so many bytes.
    Ok(unsafe { std::slice::from_raw_parts_mut(first, size / 8) })
}

/// Lent memory in which a state is to be made.
///
/// # Safety
/// `state` is null or `size` bytes, initialised or not, that the caller lends until the entry returns.
pub(crate) unsafe fn blank<'a>(state: *mut c_void, size: usize, needed: usize) -> Result<&'a mut [u64], Status> {
    // SAFETY: it is only looked at.
    unsafe { check(state.cast::<u64>())? };
    if size < needed {
        return Err(STATE_MEMORY);
    }
    // SAFETY: the caller lends at least so many bytes; from here on they are initialised.
    unsafe {
        state.cast::<u8>().write_bytes(0, needed);
        words(state, needed)
    }
}

/// The caller's bytes; null is allowed where there are none.
///
/// # Safety
/// `bytes` is `len` bytes of the caller.
pub(crate) unsafe fn bytes<'a>(bytes: *const u8, len: usize) -> Result<&'a [u8], Status> {
    if len == 0 {
        return Ok(&[]);
    }
    if bytes.is_null() {
        return Err(NULL_POINTER);
    }
    if len > isize::MAX as usize {
        return Err(OUT_OF_RANGE);
    }
    // SAFETY: not null, and the caller vouches for so many bytes.
    Ok(unsafe { std::slice::from_raw_parts(bytes, len) })
}

/// The caller's buffer, which is initialised; null is allowed where it has no room.
///
/// # Safety
/// `buffer` is `capacity` bytes of the caller, that nobody else uses meanwhile.
pub(crate) unsafe fn bytes_mut<'a>(buffer: *mut u8, capacity: usize) -> Result<&'a mut [u8], Status> {
    if capacity == 0 {
        return Ok(&mut []);
    }
    if buffer.is_null() {
        return Err(NULL_POINTER);
    }
    if capacity > isize::MAX as usize {
        return Err(OUT_OF_RANGE);
    }
    // SAFETY: not null, and the caller vouches for so many bytes.
    Ok(unsafe { std::slice::from_raw_parts_mut(buffer, capacity) })
}

/// The caller's text.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn text<'a>(text: *const c_char, len: usize) -> Result<&'a str, Status> {
    // SAFETY: the caller vouches for the bytes.
    str::from_utf8(unsafe { bytes(text.cast(), len)? }).map_err(|_| NOT_UTF8)
}

/// Copies bytes to the caller's buffer where they fit, and says what it takes.
///
/// # Safety
/// `buffer` is null or `capacity` bytes of the caller, `needed` null or the caller's.
pub(crate) unsafe fn give(from: &[u8], buffer: *mut u8, capacity: usize, needed: *mut usize) -> Result<(), Status> {
    // SAFETY: the caller vouches for `needed`, which is checked first.
    unsafe {
        check(needed)?;
        needed.write(from.len());
    }
    if from.len() > capacity || (buffer.is_null() && !from.is_empty()) {
        return Err(BUFFER_TOO_SMALL);
    }
    if !from.is_empty() {
        // SAFETY: the buffer is not null and takes so many bytes.
        unsafe { buffer.copy_from_nonoverlapping(from.as_ptr(), from.len()) };
    }
    Ok(())
}

/// As [`give`], for a text and the NUL after it.
///
/// # Safety
/// As [`give`].
pub(crate) unsafe fn give_text(
    text: String,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> Result<(), Status> {
    let mut text = text.into_bytes();
    text.push(0);
    // SAFETY: the caller vouches for buffer and `needed`.
    unsafe { give(&text, buffer.cast(), capacity, needed) }
}

/// Writes one value to the caller's place.
///
/// # Safety
/// `out` is null or the caller's.
pub(crate) unsafe fn put<T>(out: *mut T, value: T) -> Result<(), Status> {
    // SAFETY: checked first; the caller vouches for it.
    unsafe {
        check(out)?;
        out.write(value);
    }
    Ok(())
}

/// An instant of the caller.
#[inline]
pub(crate) fn instant(now_us: u64) -> Result<Timestamp, Status> {
    match Timestamp::from_micros(now_us) {
        Some(now) => Ok(now),
        None => fails(OUT_OF_RANGE),
    }
}
