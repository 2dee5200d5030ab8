use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_application::ports::credentials::Identity;
use kanso_application::sync::{Caller, Push};
use kanso_domain::sync::{FingerprintForm, Operation};
use kanso_domain::{DeviceId, FieldError};
use kanso_protocol::sync::{
    OperationResult, PushRequest, PushedOperation, SyncRequest, SyncResponse,
};
use kanso_protocol::{MAX_OPERATIONS, MAX_PAGE};

use super::cursor::{optional_cursor, refused};
use super::long_poll::{LongPoll, WaitFor};
use crate::answer::{as_it_is, json};
use crate::measure;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, SIGNED_IN, problems};
use crate::request::{JsonBody, SignedInAt};

problems!(ExchangeProblems: SIGNED_IN, BODY, &[
    Code::CursorMalformed, Code::EpochChanged, Code::CursorExpired,
    Code::CursorAhead, Code::TooManyOperations, Code::Behind,
]);

/// Push operations and pull changes
///
/// Carries out the operations in order in one transaction and returns the changes after `cursor`,
/// including those of this device. Each operation has its own result: an operation that fails or
/// cannot be read does not stop the others. A retry with the same `op_id` gets the stored result and
/// changes nothing, so a lost answer is always safe to retry. An operation on an entry whose habit
/// does not exist yet is `deferred`.
///
/// Without operations and with `wait_ms`, the request waits until there is a change after `cursor`.
#[utoipa::path(
    post, path = "/sync", operation_id = "sync", tag = "sync",
    security(("bearer" = [])),
    request_body(content = SyncRequest, description = "Operations of the outbox and the cursor of the device."),
    responses(
        (status = 200, description = "The results of the operations and a page of changes.", body = SyncResponse),
        ExchangeProblems
    ),
)]
pub(super) async fn exchange(
    State(api): State<Api>,
    SignedInAt(signed_in, head): SignedInAt,
    JsonBody(request): JsonBody<PushRequest>,
) -> Result<Response, ApiError> {
    let (limit, caller) = (page_limit(request.limit)?, caller(&request, signed_in.0)?);
    let long_poll = LongPoll::of_body(request.wait_ms, request.min_seq)?;
    // Everything is checked before the wait: a malformed request is refused at once.
    let seen = request.seen(caller.cursor);
    let seen = seen.map_err(|invalid| ApiError::members(Code::Invalid, invalid.errors()))?;
    let op_ids: Vec<_> = request
        .operations
        .iter()
        .map(PushedOperation::op_id)
        .collect();
    let operations = operations(request, api.options().fingerprints)?;
    let wait_for = match operations.as_slice() {
        [] => WaitFor::Change(caller.cursor, None),
        // A push never waits for a change: its results are already new to the client.
        _ => WaitFor::Nothing,
    };
    // The wait comes before the write: with `min_seq` a device requires that this server has seen a
    // position, and a push must not be carried out on an older state.
    long_poll.wait(&api, caller.user, wait_for).await?;
    let sync = api.sync.clone();
    let is_poll = operations.is_empty() && long_poll.is_immediate();
    let push = Push { operations, seen };
    let exchange = async move {
        // Most devices that push nothing are up to date: the check of the session has shown it.
        if is_poll && let Some(synced) = sync.poll(caller, head).await {
            return Ok(Ok(synced));
        }
        sync.exchange(caller, limit, push).await
    };
    // Two results: the outer one is a fault of the server, the inner one a refused cursor.
    let synced = match api.to_completion(exchange).await? {
        Ok(synced) => synced,
        Err(refusal) => return Err(refused(&api, caller.user, caller.cursor, refusal).await),
    };
    measure::count_operations(&synced.outcomes);
    measure::record_page(synced.page.records.len());
    // Outcomes stand in the order of the operations.
    let results = op_ids.into_iter().zip(&synced.outcomes);
    let results = results.map(|(op_id, outcome)| OperationResult::new(op_id, outcome));
    let answer = SyncResponse::new(results.collect(), &synced.page);
    Ok(as_it_is(json(StatusCode::OK, &answer)))
}

fn caller(request: &PushRequest, who: Identity) -> Result<Caller, ApiError> {
    Ok(Caller {
        user: who.user_id,
        session: Some(who.session_id),
        device: request.device_id.map(DeviceId::new),
        cursor: optional_cursor(request.cursor.as_deref())?,
    })
}

fn page_limit(limit: Option<u32>) -> Result<u32, ApiError> {
    let limit = limit.unwrap_or(MAX_PAGE);
    if (1..=MAX_PAGE).contains(&limit) {
        return Ok(limit);
    }
    let error = FieldError::new("limit", format!("must be between 1 and {MAX_PAGE}"));
    Err(ApiError::members(Code::Invalid, &[error]))
}

fn operations(request: PushRequest, form: FingerprintForm) -> Result<Vec<Operation>, ApiError> {
    let PushRequest {
        device_id,
        operations,
        ..
    } = request;
    // The list is already parsed: the limit of the body keeps it small.
    if operations.len() > MAX_OPERATIONS {
        return Err(Code::TooManyOperations.into());
    }
    // Each operation has the device: a conflict reports which device made the newest edit.
    let device = device_id.map(DeviceId::new);
    let read = |operation: PushedOperation| operation.operation(device, form);
    Ok(operations.into_iter().map(read).collect())
}
