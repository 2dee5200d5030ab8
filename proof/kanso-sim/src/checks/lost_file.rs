//! Check 1 while the servers have a file open that no path leads to: no later start would find what is
//! written to it, so nothing may be acknowledged.

use super::effects::answered;
use crate::finding::{Check, Finding};
use crate::history::{EventKind, History};
use kanso_protocol::sync::OperationStatus;

/// Returns the operations that were sent and acknowledged while the file was lost.
pub(super) fn check(history: &History) -> Vec<Finding> {
    let mut findings = Vec::new();
    // A request from before may be answered now: its change was stored in time.
    let mut lost_at = None;
    for (at, event) in history.events.iter().enumerate() {
        match event.kind {
            EventKind::FileLost => lost_at = Some(at),
            EventKind::FileFound => lost_at = None,
            EventKind::Served(exchange, serving) => {
                let exchange = &history.exchanges[exchange];
                let serving = &exchange.servings[serving];
                let (Some(request), Some(response)) = (&exchange.sync, &serving.sync) else {
                    continue;
                };
                if lost_at.is_none_or(|lost_at| exchange.sent_at < lost_at) {
                    continue;
                }
                for (operation, result) in answered(&request.operations, &response.results) {
                    let stored = [OperationStatus::Applied, OperationStatus::Merged];
                    if stored.contains(&result.status) {
                        let what = format!(
                            "operation {} of {} was acknowledged, and its file is not found again",
                            operation.op_id, exchange.actor
                        );
                        findings.push(Finding::new(Check::AckedIsKept, what));
                    }
                }
            }
            _ => {}
        }
    }
    findings
}
