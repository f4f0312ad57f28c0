//! A long body that is the same for everybody, in short frames of it.
//!
//! hyper copies a frame before it is sent, however long, so that connections which ask for a script of a megabyte and read
//! nothing would cost a megabyte each. Of short frames it copies the next one when the client has taken those before.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// In bytes.
const LONGEST: usize = 16 * 1024;

/// The frames are parts of these bytes and no copies.
pub(super) fn body(bytes: Bytes) -> Body {
    Body::new(Pieces(bytes))
}

/// What was not sent yet.
struct Pieces(Bytes);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let length = self.0.len().min(LONGEST);
        let piece = self.0.split_to(length);
        Poll::Ready((length > 0).then(|| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use http_body_util::BodyExt;

    use super::*;

    /// All frames, of which none is longer than it may be and whose sum was told before.
    pub(in super::super) async fn frames(mut body: Body) -> Vec<Bytes> {
        let told = body.size_hint().exact().unwrap();
        let mut frames = Vec::new();
        while let Some(frame) = body.frame().await {
            frames.push(frame.unwrap().into_data().unwrap());
        }
        assert!(frames.iter().all(|frame| frame.len() <= LONGEST));
        assert_eq!(told, frames.concat().len() as u64);
        frames
    }

    #[tokio::test]
    async fn a_long_body_arrives_whole_and_no_byte_of_it_is_copied() {
        let whole: Bytes = (0..=255).cycle().take(3 * LONGEST + 1).collect();
        let frames = frames(body(whole.clone())).await;
        assert_eq!(frames.len(), 4);
        assert_eq!(frames.concat(), whole);
        assert_eq!(frames[0].as_ptr(), whole.as_ptr());
    }

    #[tokio::test]
    async fn a_body_without_a_byte_has_no_frame() {
        assert!(body(Bytes::new()).is_end_stream());
        assert!(frames(body(Bytes::new())).await.is_empty());
    }
}
