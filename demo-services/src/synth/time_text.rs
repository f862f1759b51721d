//! Times as logs write them, in UTC.

use super::wire::padded;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

struct Civil {
    year: u64,
    /// From 1.
    month: u64,
    day: u64,
    /// Of the day.
    second: u64,
    micros: u64,
}

/// The date and time of day of a Unix time in nanoseconds.
fn civil(nanos: u64) -> Civil {
    let seconds = nanos / 1_000_000_000;
    // Years that begin in March end with the leap day, so that lengths of months repeat.
    let days = seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    Civil {
        year: era * 400 + year_of_era + u64::from(month <= 2),
        month,
        day: day_of_year - (153 * from_march + 2) / 5 + 1,
        second: seconds % 86_400,
        micros: nanos / 1_000 % 1_000_000,
    }
}

/// Appends `2026-11-23T21:59:01.123456Z`.
pub(super) fn rfc3339(out: &mut Vec<u8>, nanos: u64) {
    let civil = civil(nanos);
    date(out, &civil, b'-');
    out.push(b'T');
    clock(out, civil.second);
    out.push(b'.');
    padded(out, civil.micros, 6);
    out.push(b'Z');
}

/// Appends `2026/11/23 21:59:01`.
pub(super) fn slashed(out: &mut Vec<u8>, nanos: u64) {
    let civil = civil(nanos);
    date(out, &civil, b'/');
    out.push(b' ');
    clock(out, civil.second);
}

/// Appends `23/Nov/2026:21:59:01 +0000`.
pub(super) fn clf(out: &mut Vec<u8>, nanos: u64) {
    let civil = civil(nanos);
    padded(out, civil.day, 2);
    out.push(b'/');
    out.extend_from_slice(month(&civil));
    out.push(b'/');
    padded(out, civil.year, 4);
    out.push(b':');
    clock(out, civil.second);
    out.extend_from_slice(b" +0000");
}

/// Appends `Nov 23 21:59:01`.
pub(super) fn syslog(out: &mut Vec<u8>, nanos: u64) {
    let civil = civil(nanos);
    out.extend_from_slice(month(&civil));
    out.push(b' ');
    padded(out, civil.day, 2);
    out.push(b' ');
    clock(out, civil.second);
}

fn month(civil: &Civil) -> &'static [u8] {
    MONTHS[(civil.month as usize - 1) % 12].as_bytes()
}

fn date(out: &mut Vec<u8>, civil: &Civil, separator: u8) {
    padded(out, civil.year, 4);
    out.push(separator);
    padded(out, civil.month, 2);
    out.push(separator);
    padded(out, civil.day, 2);
}

fn clock(out: &mut Vec<u8>, second: u64) {
    padded(out, second / 3_600, 2);
    out.push(b':');
    padded(out, second / 60 % 60, 2);
    out.push(b':');
    padded(out, second % 60, 2);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_tells_the_same_moment() {
        let nanos = 1_709_251_199_123_456_789;
        let mut out = Vec::new();
        for form in [rfc3339, slashed, clf, syslog] {
            form(&mut out, nanos);
            out.push(b'\n');
        }

        let expected = "2024-02-29T23:59:59.123456Z\n2024/02/29 23:59:59\n\
                        29/Feb/2024:23:59:59 +0000\nFeb 29 23:59:59\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
