use super::*;

#[test]
fn an_acknowledgement_while_the_file_is_lost_is_found() {
    let push = |run: &mut HistoryBuilder, op, version| {
        let edit = operation(op, Update, Some(version - 1), "edited");
        run.push_one(1, edit, result(op, Applied, version));
    };
    let mut run = good();
    run.push(EventKind::FileLost);
    run.push(EventKind::FileFound);
    push(&mut run, 3, 3);
    assert_eq!(run.failed(&ends(3, "edited")), []);

    let mut run = good();
    run.push(EventKind::FileLost);
    push(&mut run, 3, 3);
    run.push(EventKind::FileFound);
    assert_eq!(run.failed(&ends(3, "edited")), [Check::AckedIsKept]);
}

/// The server may have stored the change before the file was lost.
#[test]
fn an_answer_to_an_earlier_request_is_no_fault() {
    let mut run = good();
    let request = SyncRequest {
        operations: vec![operation(3, Update, Some(2), "edited")],
        ..SyncRequest::default()
    };
    let exchange = run.send(1, "Post /api/v1/sync", Some(request));
    run.push(EventKind::FileLost);
    let serving = run.serve(exchange, 200, Some(answer(vec![result(3, Applied, 3)])));
    run.deliver(exchange, serving);
    assert_eq!(run.failed(&ends(3, "edited")), []);
}

/// The history has no operation that cannot be read, but its result stands among the others.
#[test]
fn results_of_unreadable_operations_are_skipped() {
    let mut run = good();
    let request = SyncRequest {
        operations: vec![operation(4, Update, Some(2), "edited")],
        ..SyncRequest::default()
    };
    let exchange = run.send(1, "Post /api/v1/sync", Some(request));
    let rejected = OperationResult {
        version: None,
        seq: None,
        ..result(3, OperationStatus::Rejected, 0)
    };
    let results = vec![rejected, result(4, Applied, 3)];
    let serving = run.serve(exchange, 200, Some(answer(results)));
    run.deliver(exchange, serving);
    assert_eq!(run.failed(&ends(3, "edited")), []);
    assert_eq!(run.failed(&ends(2, "two")), [Check::AckedIsKept]);
}
