use axum::extract::State;
use axum::response::Response;
use kanso_domain::HabitId;
use kanso_protocol::habits::{CreateHabit, HabitRecord};

use crate::answer::created;
use crate::parts::Api;
use crate::problem::{BODY, Code, Refusal, SIGNED_IN, problems};
use crate::request::{JsonBody, SignedIn};

problems!(CreateProblems: SIGNED_IN, BODY, &[Code::Conflict, Code::Gone]);

/// Create a habit
///
/// A title is enough. With an id of its own making a client can repeat the call safely: the same
/// id with the same content gives the stored habit.
#[utoipa::path(
    post, path = "/habits", operation_id = "create_habit", tag = "habits",
    security(("bearer" = [])),
    request_body(content = CreateHabit, description = "The new habit."),
    responses(
        (status = 201, description = "The habit was created.", body = HabitRecord, headers(
            ("Location" = String, description = "Where the habit is."),
            ("ETag" = String, description = "The habit's version as an entity tag: `\"1\"`.")
        )),
        (status = 200, description = "The habit was there with the same content.", body = HabitRecord,
            headers(("ETag" = String, description = "The habit's version as an entity tag."))),
        CreateProblems
    ),
)]
pub(super) async fn create(
    State(api): State<Api>,
    who: SignedIn,
    JsonBody(request): JsonBody<CreateHabit>,
) -> Result<Response, Refusal> {
    let (habits, user) = (api.habits.clone(), who.user());
    let id = request.id.map(HabitId::new);
    let fields = request.fields()?;
    let create = async move { habits.create(user, id, fields).await };
    created(api.uncut(create).await?)
}
