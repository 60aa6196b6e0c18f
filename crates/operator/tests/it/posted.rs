//! A POST by hand: a client library gives up a request whose body the server does not read to its end, and the answer with it.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// What a server answers.
pub struct Told {
    /// The status code.
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    /// The body.
    pub body: String,
}

/// Posts a body, with one header of the caller's (`name: value`).
pub async fn posted(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str, header: &str, body: &[u8]) -> Told {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("it reads");
    // A body that is too long is refused before its end.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer with a head");
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
    Told { status, head: head.to_owned(), body: body.to_owned() }
}
