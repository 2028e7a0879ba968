//! This node's blobs for others, at the path that trustless gateways use: `/ipfs/CID`.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tracing::info;

use crate::{error::NodeError, store::Blobs};

/// Serves until `stop` is set.
///
/// # Errors
/// [`NodeError::Config`] if the address cannot be listened on.
pub(crate) async fn serve(
    blobs: Blobs,
    address: SocketAddr,
    stop: Arc<AtomicBool>,
) -> Result<(), NodeError> {
    let busy = |error: std::io::Error| NodeError::Config(format!("{address}: {error}"));
    let listener = tokio::net::TcpListener::bind(address).await.map_err(busy)?;
    let address = listener.local_addr().map_err(busy)?;
    info!(url = %format!("http://{address}/ipfs/"), "serving blobs");
    let router = Router::new().route("/ipfs/{cid}", get(blob)).with_state(blobs);
    axum::serve(listener, router)
        .with_graceful_shutdown(async move {
            while !stop.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
        .await
        .map_err(busy)
}

async fn blob(State(blobs): State<Blobs>, Path(cid): Path<String>) -> Response {
    let known = cid.len() == 59
        && cid.starts_with("bafkrei")
        && cid.bytes().all(|c| matches!(c, b'a'..=b'z' | b'2'..=b'7'));
    if !known {
        let words = "not a CIDv1 of a raw sha2-256 block\n";
        return (StatusCode::BAD_REQUEST, words).into_response();
    }
    match tokio::fs::read(blobs.folder().join(&cid)).await {
        Ok(bytes) => {
            let headers = [
                (header::CONTENT_TYPE, "application/vnd.ipld.raw"),
                (header::CACHE_CONTROL, "public, max-age=29030400, immutable"),
                (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
            ];
            (headers, bytes).into_response()
        }
        Err(_) => (StatusCode::NOT_FOUND, "not stored here\n").into_response(),
    }
}
