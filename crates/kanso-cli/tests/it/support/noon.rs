//! Days that do not change during a test.

use kanso_client::clock::Clock as _;
use kanso_client::domain::Zone;
use kanso_client::system::SystemClock;

/// A zone in which it is around noon, so that the day does not change between two requests.
pub(crate) fn noon_zone() -> Zone {
    let hour = SystemClock.now().to_jiff().as_second().rem_euclid(86_400) / 3600;
    // POSIX counts west: Etc/GMT-12 is twelve hours ahead.
    let name = match hour {
        12 => "Etc/UTC".to_owned(),
        early @ 0..12 => format!("Etc/GMT-{}", 12 - early),
        late => format!("Etc/GMT+{}", late - 12),
    };
    name.parse().expect("a zone")
}
