//! Logs a lasting failure once, and its end once.

use kanso_application::Outcome;

use crate::measure;

/// State of a worker's storage: failing or not.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    is_failing: bool,
}

impl Outage {
    /// Returns the value of `outcome`. Logs only a change between success and failure: a loop that
    /// runs every second would otherwise fill the log during an outage.
    pub(crate) fn note<T>(&mut self, work: &'static str, outcome: Outcome<T>) -> Option<T> {
        match outcome {
            Ok(value) => {
                if std::mem::take(&mut self.is_failing) {
                    tracing::info!(work, "worker recovered");
                }
                Some(value)
            }
            Err(fault) => {
                measure::failed(work);
                if !std::mem::replace(&mut self.is_failing, true) {
                    let error = &fault as &dyn std::error::Error;
                    tracing::warn!(work, error, "worker failed, retrying");
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
    fn outage_lasts_until_the_first_success() {
        let mut outage = Outage::default();
        for (outcome, value, is_failing) in [
            (Err(Fault::AccountGone), None, true),
            (Err(Fault::AccountGone), None, true),
            (Ok(1), Some(1), false),
        ] {
            assert_eq!(outage.note("test", outcome), value);
            assert_eq!(outage.is_failing, is_failing);
        }
    }
}
