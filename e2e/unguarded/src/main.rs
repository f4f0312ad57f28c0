//! Lockjar with its cross-site guard turned off and nothing else changed. The browser suite runs its attacks here too,
//! where they must work: an attack that fails everywhere would show nothing.
//!
//! ```sh
//! unguarded ADDRESS PUBLIC_URL DATABASE
//! ```

use std::net::SocketAddr;

use lockjar::Auth;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, public_url, database] = arguments.as_slice() else {
        return Err("say on which address, for which URL and with which database".into());
    };
    let auth = Auth::builder(public_url)
        .dangerously_without_csrf_guard()
        .open(database)
        .await?;
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("{public_url}");
    let app = auth.router();
    axum::serve(
        listener,
        app.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .await?;
    Ok(())
}
