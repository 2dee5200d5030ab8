use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use kanso_application::sync::Caller;
use kanso_domain::sync::{FingerprintForm, Operation};
use kanso_domain::{DeviceId, FieldError, UserId};
use kanso_protocol::sync::{OperationRequest, OperationResult, SyncRequest, SyncResponse};
use kanso_protocol::{MAX_OPERATIONS, MAX_PAGE};

use super::cursor::cursor;
use super::waiting::{Has, Waiting};
use crate::answer::json;
use crate::measure;
use crate::parts::Api;
use crate::problem::{ApiError, BODY, Code, SIGNED_IN, problems};
use crate::request::{JsonBody, SignedIn};

problems!(ExchangeProblems: SIGNED_IN, BODY, &[
    Code::CursorMalformed, Code::EpochChanged, Code::CursorExpired,
    Code::CursorAhead, Code::TooManyOperations, Code::Behind,
]);

/// Push the outbox and pull the delta
///
/// Operations are carried out in order and commit together; one that fails does not stop the
/// others, and each has a result. Repeating an operation with its `op_id` gives the same result
/// and changes nothing, so a lost answer is always safe to retry. An operation waits for its
/// habit as `deferred`. Then follows what is new after `cursor`, the device's own changes
/// included.
///
/// Without operations and with `wait_ms`, the answer waits until there is something new.
#[utoipa::path(
    post, path = "/sync", operation_id = "sync", tag = "sync",
    security(("bearer" = [])),
    request_body(content = SyncRequest, description = "The outbox, and where the device stands."),
    responses(
        (status = 200, description = "What became of each operation, and what is new.", body = SyncResponse),
        ExchangeProblems
    ),
)]
pub(super) async fn exchange(
    State(api): State<Api>,
    who: SignedIn,
    JsonBody(request): JsonBody<SyncRequest>,
) -> Result<Response, ApiError> {
    let (limit, caller) = (page_limit(request.limit)?, caller(&request, who.user())?);
    let waiting = Waiting::of_body(request.wait_ms, request.min_seq)?;
    let operations = operations(request, api.options().fingerprints)?;
    let keys: Vec<_> = operations.iter().map(|it| it.key).collect();
    let has = match operations.as_slice() {
        [] => Has::Read(caller.cursor, None),
        // What becomes of them is news.
        _ => Has::NoMatter,
    };
    waiting.wait(&api, caller.user, has).await?;
    let sync = api.sync.clone();
    let exchange = async move { sync.exchange(caller, limit, operations).await };
    let synced = api.to_completion(exchange).await??;
    measure::operations(&synced.outcomes);
    measure::page(synced.page.records.len());
    let results = keys.into_iter().flatten().zip(&synced.outcomes);
    let results = results.map(|(key, outcome)| OperationResult::new(key, outcome));
    let answer = SyncResponse::new(results.collect(), &synced.page);
    Ok(json(StatusCode::OK, &answer))
}

fn caller(request: &SyncRequest, user: UserId) -> Result<Caller, ApiError> {
    Ok(Caller {
        user,
        device: request.device_id.map(DeviceId::new),
        cursor: cursor(request.cursor.as_deref())?,
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

fn operations(request: SyncRequest, form: FingerprintForm) -> Result<Vec<Operation>, ApiError> {
    let SyncRequest {
        device_id,
        operations,
        ..
    } = request;
    if operations.len() > MAX_OPERATIONS {
        return Err(Code::TooManyOperations.into());
    }
    let device = device_id.map(DeviceId::new);
    let read = |request: OperationRequest| request.operation(device, form);
    Ok(operations.into_iter().map(read).collect())
}
