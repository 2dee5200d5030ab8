use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::App;

/// Sends bytes that no client library would send, and reads until the server closes the
/// connection. The request should contain `connection: close`.
pub(crate) async fn exchange(app: &App, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(app.running.address())
        .await
        .expect("a connection");
    stream.write_all(request).await.expect("the server reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends as much of `request` as the server accepts, and reads the response.
pub(crate) async fn send_in_vain(app: &App, request: &[u8]) -> String {
    let stream = TcpStream::connect(app.running.address())
        .await
        .expect("a connection");
    let (mut reader, mut writer) = stream.into_split();
    let request = request.to_vec();
    let writing = tokio::spawn(async move { writer.write_all(&request).await });
    let mut answer = Vec::new();
    // The connection may be reset after the response.
    let _ = reader.read_to_end(&mut answer).await;
    writing.abort();
    String::from_utf8_lossy(&answer).into_owned()
}
