use axum::extract::FromRequestParts;
use lockjar::CurrentUser;

#[derive(Clone)]
struct App;

fn is_extractor<T: FromRequestParts<App>>() {}

fn main() {
    is_extractor::<CurrentUser>();
}
