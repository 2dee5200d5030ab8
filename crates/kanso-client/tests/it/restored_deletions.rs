//! Deletions before and after a restore of the server.

use crate::recovery::{must_agree, overtaken};
use crate::support::{FakeServer, signed_in, titled, titles};

#[tokio::test]
async fn lost_edit_of_a_record_that_was_deleted_since_is_reported() {
    let story = overtaken(&[titled("Read more")], &[]).await;
    story.b.sync(&story.server).await.expect("syncs");
    story.b.delete_habit(story.habit).expect("deletes");
    story.b.sync(&story.server).await.expect("syncs");

    let report = story.a.sync(&story.server).await.expect("syncs");
    assert_eq!(report.failures.len(), 1, "{report:?}");
    let lost = format!("{:?}", report.failures[0]);
    assert!(lost.contains("Read more"), "{lost}");
    assert!(titles(&story.a).is_empty(), "a delete wins");
    let gone = story.a.failures().expect("reads").remove(0);
    story.a.take_theirs(gone.id).expect("decides");
    must_agree(&story.a, &story.server);
}

#[tokio::test]
async fn deletion_that_the_restore_undid_is_counted() {
    let server = FakeServer::new();
    let a = signed_in(1, &server).await;
    let deleted = a.create_habit(titled("Read")).expect("creates").id;
    a.create_habit(titled("Run")).expect("creates");
    a.sync(&server).await.expect("syncs");
    let copy = server.state().backup();
    a.delete_habit(deleted).expect("deletes");
    a.sync(&server).await.expect("syncs");
    server.state().restore(copy);
    server.change_epoch();
    let report = a.sync(&server).await.expect("syncs");
    assert_eq!((report.undeleted, report.offered), (1, 0), "{report:?}");
    assert_eq!(titles(&a), ["Read", "Run"]);
    must_agree(&a, &server);
    assert_eq!(a.sync(&server).await.expect("syncs").undeleted, 0);
}
