//! The host's ABI (proxy-wasm 0.2.1) as functions that return `Result`. The only file that names host calls.
//!
//! `proxy_wasm::hostcalls` panics on a status it does not expect and on header names that are not UTF-8, and a panic traps
//! the worker's VM with raw bytes in Envoy's log. So the imports are declared here. One call stays with the SDK:
//! `dispatch_http_call`, because its dispatcher must learn the token.
//!
//! Must not go here: anything that decides.

use std::time::Duration;

use privyseal_engine::request::Headers;
use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, LogLevel, MapType, MetricType, Status, StreamType};

/// A host call that failed: its name and the ABI's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostError {
    pub call: &'static str,
    pub status: u32,
}

pub type Result<T> = std::result::Result<T, HostError>;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_get_buffer_bytes(kind: u32, start: usize, max: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_buffer_bytes(kind: u32, start: usize, size: usize, data: *const u8, data_size: usize) -> u32;
    fn proxy_get_header_map_pairs(kind: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_remove_header_map_value(kind: u32, key: *const u8, key_size: usize) -> u32;
    fn proxy_add_header_map_value(
        kind: u32,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_replace_header_map_value(
        kind: u32,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn random_get(data: *mut u8, size: usize) -> u16;
}

fn check(call: &'static str, status: u32) -> Result<()> {
    if status == Status::Ok as u32 { Ok(()) } else { Err(HostError { call, status }) }
}

/// Takes over what the host wrote into memory that it had from our allocator.
///
/// # Safety
/// `data` and `size` are those that a host call has just returned with status OK.
unsafe fn take(data: *mut u8, size: usize) -> Vec<u8> {
    // SAFETY: the host allocates through `proxy_on_memory_allocate`, which hands out boxed slices of exactly `size` bytes.
    if data.is_null() { Vec::new() } else { unsafe { Vec::from_raw_parts(data, size, size) } }
}

pub fn log(level: LogLevel, message: &str) {
    // SAFETY: pointer and length of a live string. There is nobody to tell if logging fails.
    let _ = unsafe { proxy_log(level as u32, message.as_ptr(), message.len()) };
}

/// Unix time in milliseconds; 0 if the host has no clock, which makes every answer look expired: fail closed.
pub fn now_ms() -> u64 {
    let mut nanoseconds = 0u64;
    // SAFETY: a valid out pointer.
    let status = unsafe { proxy_get_current_time_nanoseconds(&mut nanoseconds) };
    if check("get_current_time", status).is_ok() { nanoseconds / 1_000_000 } else { 0 }
}

/// Random bytes from the host's generator (WASI `random_get`).
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0u8; N];
    // SAFETY: pointer and length of a live array.
    let status = unsafe { random_get(bytes.as_mut_ptr(), N) };
    check("random_get", u32::from(status)).map(|()| bytes)
}

pub fn set_tick_period(period: Duration) -> Result<()> {
    let period = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
    // SAFETY: no pointers.
    check("set_tick_period", unsafe { proxy_set_tick_period_milliseconds(period) })
}

/// At most `max` bytes of a buffer; empty if there is none.
pub fn buffer(kind: BufferType, max: usize) -> Result<Vec<u8>> {
    let (mut data, mut size) = (std::ptr::null_mut(), 0usize);
    // SAFETY: valid out pointers.
    let status = unsafe { proxy_get_buffer_bytes(kind as u32, 0, max, &mut data, &mut size) };
    if status == Status::NotFound as u32 || status == Status::Empty as u32 {
        return Ok(Vec::new());
    }
    check("get_buffer", status)?;
    // SAFETY: status was OK.
    Ok(unsafe { take(data, size) })
}

/// Replaces a whole buffer.
pub fn replace_buffer(kind: BufferType, bytes: &[u8]) -> Result<()> {
    // SAFETY: pointer and length of a live slice. (0, more than there can be) replaces all.
    check("set_buffer", unsafe {
        proxy_set_buffer_bytes(kind as u32, 0, u32::MAX as usize, bytes.as_ptr(), bytes.len())
    })
}

/// All fields of a header map, in order, as bytes.
pub fn fields(kind: MapType) -> Result<Headers> {
    let (mut data, mut size) = (std::ptr::null_mut(), 0usize);
    // SAFETY: valid out pointers.
    let status = unsafe { proxy_get_header_map_pairs(kind as u32, &mut data, &mut size) };
    check("get_header_map_pairs", status)?;
    // SAFETY: status was OK.
    let bytes = unsafe { take(data, size) };
    Headers::from_pairs(bytes).ok_or(HostError { call: "get_header_map_pairs", status: Status::ParseFailure as u32 })
}

/// The ABI's form of a map, as [`Headers::from_pairs`] reads it.
fn write_fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = number(fields.len()).to_vec();
    for (name, value) in fields {
        bytes.extend(number(name.len()));
        bytes.extend(number(value.len()));
    }
    for (name, value) in fields {
        bytes.extend(name.as_bytes());
        bytes.push(0);
        bytes.extend(value.as_bytes());
        bytes.push(0);
    }
    bytes
}

/// Gives `name` these values in their order, whatever was there.
pub fn rewrite_field(kind: MapType, name: &str, values: &[Vec<u8>]) -> Result<()> {
    remove_field(kind, name)?;
    values.iter().try_for_each(|value| {
        // SAFETY: pointers and lengths of live slices.
        check("add_header", unsafe {
            proxy_add_header_map_value(kind as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len())
        })
    })
}

/// Sets `name` to one value, whatever was there.
pub fn set_field(kind: MapType, name: &str, value: &[u8]) -> Result<()> {
    // SAFETY: pointers and lengths of live slices.
    check("replace_header", unsafe {
        proxy_replace_header_map_value(kind as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

pub fn remove_field(kind: MapType, name: &str) -> Result<()> {
    // SAFETY: pointer and length of a live string.
    check("remove_header", unsafe { proxy_remove_header_map_value(kind as u32, name.as_ptr(), name.len()) })
}

/// An attribute by its path; `None` if there is none.
pub fn property(path: &[&str]) -> Option<Vec<u8>> {
    let path = path.join("\0");
    let (mut data, mut size) = (std::ptr::null_mut(), 0usize);
    // SAFETY: pointer and length of a live string, valid out pointers.
    let status = unsafe { proxy_get_property(path.as_ptr(), path.len(), &mut data, &mut size) };
    check("get_property", status).ok()?;
    // SAFETY: status was OK.
    Some(unsafe { take(data, size) })
}

/// Sets filter state `wasm.NAME`, for access logs.
pub fn set_property(name: &str, value: &str) -> Result<()> {
    // SAFETY: pointers and lengths of live strings.
    check("set_property", unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
}

/// Queued by the host and run after this callback, even if the VM traps meanwhile: make it the last statement.
pub fn resume(stream: StreamType) -> Result<()> {
    // SAFETY: no pointers.
    check("continue_stream", unsafe { proxy_continue_stream(stream as u32) })
}

/// Queued by the host and run after this callback, even if the VM traps meanwhile: make it the last statement.
pub fn reply(status: u16, details: &str, fields: &[(&str, &str)], body: &[u8]) -> Result<()> {
    let fields = write_fields(fields);
    // SAFETY: pointers and lengths of live slices.
    check("send_local_response", unsafe {
        proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            fields.as_ptr(),
            fields.len(),
            -1,
        )
    })
}

/// Makes the following calls speak for `context`, which must still live.
pub fn set_effective_context(context: u32) -> Result<()> {
    // SAFETY: no pointers.
    check("set_effective_context", unsafe { proxy_set_effective_context(context) })
}

pub fn define_counter(name: &str) -> Result<u32> {
    let mut id = 0u32;
    // SAFETY: pointer and length of a live string, valid out pointer.
    let status = unsafe { proxy_define_metric(MetricType::Counter as u32, name.as_ptr(), name.len(), &mut id) };
    check("define_metric", status).map(|()| id)
}

pub fn increment(counter: u32, by: u64) -> Result<()> {
    let by = i64::try_from(by).unwrap_or(i64::MAX);
    // SAFETY: no pointers.
    check("increment_metric", unsafe { proxy_increment_metric(counter, by) })
}

/// Sends a request to a cluster of Envoy; its answer comes back with the token. `BadArgument`: no such cluster;
/// `InternalFailure`: Envoy answered locally at once.
pub fn call(cluster: &str, fields: &[(&str, &str)], body: &[u8], timeout: Duration) -> Result<u32> {
    // The host refuses 2^31 ms and more, and takes 0 for "never".
    let timeout = timeout.clamp(Duration::from_millis(1), Duration::from_secs(86_400));
    let body = (!body.is_empty()).then_some(body);
    hostcalls::dispatch_http_call(cluster, fields.to_vec(), body, Vec::new(), timeout)
        .map_err(|status| HostError { call: "http_call", status: status as u32 })
}
