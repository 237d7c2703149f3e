//! Credentials inside of URLs: `scheme://user:password@host` (RFC 3986, 3.2.1).

use super::entity::Entity;
use super::scan::Scan;
use super::secret::is_placeholder;

/// At the colon of `://`.
pub(super) fn at_colon(scan: &mut Scan<'_>, at: usize) {
    let rest = scan.rest(at);
    if !rest.starts_with(b"://") || !scan.wants(Entity::Secret) {
        return;
    }
    let authority = rest.get(3..).unwrap_or_default();
    let stop = |b: &u8| {
        b.is_ascii_whitespace() || matches!(b, b'/' | b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\' | b'?' | b'#' | b'{')
    };
    let len = authority.iter().take(512).take_while(|b| !stop(b)).count();
    let authority = authority.get(..len).unwrap_or_default();
    let Some(sign) = memchr::memrchr(b'@', authority) else { return };
    let userinfo = authority.get(..sign).unwrap_or_default();
    let Some(colon) = memchr::memchr(b':', userinfo) else { return };
    let password = std::str::from_utf8(userinfo.get(colon + 1..).unwrap_or_default()).unwrap_or_default();
    if !password.is_empty() && !is_placeholder(password) && sign + 1 < authority.len() {
        let start = at + 3 + colon + 1;
        scan.found(Entity::Secret, start, start + password.len(), 96);
    }
}
