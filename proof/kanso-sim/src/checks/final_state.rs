//! Checks 6, 9 and 12: the state after recovery.
//!
//! Check 6 compares each replica with the server member by member and by digest. Check 9 compares
//! stored streaks with fresh ones. Check 12 looks for work that never ends: queued jobs, stale
//! followers, waiters without a client, and memory that was never freed. All of them read one final
//! state, in time linear in its records.

use crate::cluster::MemoryUse;
use crate::final_state::{FinalDevice, FinalState, FinalUser, shown};
use crate::finding::{Check, Finding};

/// Compares devices with the server and looks for unfinished work.
pub(super) fn check(end_state: &FinalState) -> Vec<Finding> {
    let mut findings = Vec::new();
    for person in &end_state.people {
        if person.digest != person.sum {
            let (digest, sum) = (&person.digest, &person.sum);
            let what = format!(
                "p{}: the server's digest is {digest}, its records add up to {sum}",
                person.person
            );
            findings.push(Finding::new(Check::PagesAddUp, what));
        }
        for (habit, stored, fresh) in &person.wrong_streaks {
            let what = format!(
                "p{}: habit {habit} stores {stored}, computed {fresh}",
                person.person
            );
            findings.push(Finding::new(Check::StreaksFresh, what));
        }
    }
    for device in &end_state.devices {
        let person = device.actor.map_or(0, |actor| actor.person);
        if let Some(person) = end_state.people.iter().find(|end| end.person == person) {
            findings.extend(compare(device, person, end_state.unread_members));
        }
    }
    if end_state.backlog.waiting > 0 || end_state.backlog.parked > 0 {
        let what = format!("{:?} after recovery", end_state.backlog);
        findings.push(Finding::new(Check::Drains, what));
    }
    for actor in &end_state.behind {
        let what = format!("{actor} follows the stream and has not read everything");
        findings.push(Finding::new(Check::Drains, what));
    }
    // The run ends with an idle time that is longer than any entry is valid, so a count above 0 means
    // that the eviction misses entries.
    for MemoryUse {
        server,
        what,
        count,
    } in end_state.retained.iter().filter(|kept| kept.count > 0)
    {
        let what = format!("server {server} still holds {count} {what}");
        findings.push(Finding::new(Check::Drains, what));
    }
    // A subscriber that stays after its client is a leak: it would grow with every request.
    if end_state.waiters > 0 {
        let what = format!(
            "{} users still have subscribers, and no client waits",
            end_state.waiters
        );
        findings.push(Finding::new(Check::Drains, what));
    }
    findings
}

fn compare(device: &FinalDevice, person: &FinalUser, unread: &[&str]) -> Vec<Finding> {
    let mut wrong = Vec::new();
    if let Some(trouble) = &device.trouble {
        wrong.push(format!("its sync does not become idle: {trouble}"));
    }
    if device.waiting > 0 {
        wrong.push(format!("{} operations are never sent", device.waiting));
    }
    // Compared in addition to the records: the digest that devices repair by could itself be wrong.
    if device.sum != person.digest {
        wrong.push(format!(
            "its records add up to {}, the server's to {}",
            device.sum, person.digest
        ));
    }
    let theirs = shown(&person.records);
    for (id, end) in &theirs {
        match device.records.get(id) {
            None => wrong.push(format!("{id} is missing")),
            Some(held) if !held.equals(end, unread) => {
                wrong.push(format!(
                    "{id} is {} and should be {}",
                    held.members, end.members
                ));
            }
            Some(_) => {}
        }
    }
    for id in device.records.keys().filter(|id| !theirs.contains_key(id)) {
        wrong.push(format!("{id} should not be there"));
    }
    let actor = device
        .actor
        .map_or_else(String::new, |actor| actor.to_string());
    let finding = |what| Finding::new(Check::Convergence, format!("{actor}: {what}"));
    wrong.into_iter().map(finding).collect()
}
