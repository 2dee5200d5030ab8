//! A failure that lasts is said once, and so is its end.

use kanso_application::Outcome;

use crate::measure;

/// Whether the storage failed the last time.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    is_on: bool,
}

impl Outage {
    /// The value of `outcome`; a change from good to bad, or back, is logged.
    pub(crate) fn note<T>(&mut self, work: &'static str, outcome: Outcome<T>) -> Option<T> {
        match outcome {
            Ok(value) => {
                if std::mem::take(&mut self.is_on) {
                    tracing::info!(work, "a worker goes on");
                }
                Some(value)
            }
            Err(fault) => {
                measure::held_up(work);
                if !std::mem::replace(&mut self.is_on, true) {
                    let error = &fault as &dyn std::error::Error;
                    tracing::warn!(work, error, "a worker has to wait");
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kanso_application::Fault;

    #[test]
    fn it_lasts_until_something_works() {
        let mut outage = Outage::default();
        for (outcome, value, is_on) in [
            (Err(Fault::AccountGone), None, true),
            (Err(Fault::AccountGone), None, true),
            (Ok(1), Some(1), false),
        ] {
            assert_eq!(outage.note("test", outcome), value);
            assert_eq!(outage.is_on, is_on);
        }
    }
}
