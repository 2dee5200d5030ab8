//! What must hold when nothing moves any more: checks 6, 9 and 12.

use crate::cluster::MemoryUse;
use crate::final_state::{FinalDevice, FinalState, FinalUser, shown};
use crate::finding::{Check, Finding};

/// Compares what devices hold with what the server holds, and looks for what is left to do.
pub(super) fn check(end_state: &FinalState) -> Vec<Finding> {
    let mut findings = Vec::new();
    for person in &end_state.people {
        if person.digest != person.sum {
            let (digest, sum) = (&person.digest, &person.sum);
            let what = format!(
                "p{}: the server says that its records add up to {digest}, they do to {sum}",
                person.person
            );
            findings.push(Finding::new(Check::PagesAddUp, what));
        }
        for (habit, stored, fresh) in &person.wrong_streaks {
            let what = format!(
                "p{}: habit {habit} has {stored}, computed {fresh}",
                person.person
            );
            findings.push(Finding::new(Check::StreaksFresh, what));
        }
    }
    for device in &end_state.devices {
        let person = device.actor.map_or(0, |actor| actor.person);
        if let Some(person) = end_state.people.iter().find(|end| end.person == person) {
            findings.extend(compare(device, person));
        }
    }
    if end_state.backlog.waiting > 0 || end_state.backlog.parked > 0 {
        let what = format!("{:?} when nothing moves any more", end_state.backlog);
        findings.push(Finding::new(Check::Drains, what));
    }
    for actor in &end_state.behind {
        let what = format!("{actor} follows the stream and was not told of everything");
        findings.push(Finding::new(Check::Drains, what));
    }
    for MemoryUse {
        server,
        what,
        count,
    } in end_state.retained.iter().filter(|kept| kept.count > 0)
    {
        let what = format!("server {server} still keeps {count} {what}");
        findings.push(Finding::new(Check::Drains, what));
    }
    if end_state.waiters > 0 {
        let what = format!(
            "news are carried for {}, and nobody waits",
            end_state.waiters
        );
        findings.push(Finding::new(Check::Drains, what));
    }
    findings
}

fn compare(device: &FinalDevice, person: &FinalUser) -> Vec<Finding> {
    let mut wrong = Vec::new();
    if let Some(trouble) = &device.trouble {
        wrong.push(format!("its sync does not come to rest: {trouble}"));
    }
    if device.waiting > 0 {
        wrong.push(format!("{} operations wait for ever", device.waiting));
    }
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
            Some(held) if held != end => {
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
