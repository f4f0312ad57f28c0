//! What the annotations cannot say of the bodies of requests: how forms differ from JSON, and what the settings ask for.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{
    AdditionalProperties, Components, Object, Ref, Schema, SchemaType, Type,
};
use utoipa::openapi::{OpenApi, RefOr};

/// The schemas of the bodies, as the annotations name them.
const BODIES: [&str; 6] = [
    "LogIn",
    "Register",
    "Recover",
    "ChangePassword",
    "Audience",
    "Introspect",
];

/// Gives every form a schema of its own beside that of JSON.
pub(super) fn refine(document: &mut OpenApi, min_length: usize) {
    let components = document.components.get_or_insert_default();
    for name in BODIES {
        add_form(components, name, min_length);
    }
    for item in document.paths.paths.values_mut() {
        operations(item).for_each(point_forms);
    }
}

fn add_form(components: &mut Components, name: &str, min_length: usize) {
    let Some(RefOr::T(Schema::Object(body))) = components.schemas.get_mut(name) else {
        return;
    };
    let new = match name {
        "Register" => "password",
        _ => "new_password",
    };
    if let Some(RefOr::T(Schema::Object(password))) = body.properties.get_mut(new) {
        password.min_length = Some(min_length);
    }
    let mut form = body.clone();
    form.properties.values_mut().for_each(without_null);
    // A misspelt field of JSON is refused, and one of a form is ignored.
    body.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
    let form = RefOr::T(Schema::Object(form));
    components.schemas.insert(format!("{name}Form"), form);
}

/// In a form it would be the text `null`.
fn without_null(property: &mut RefOr<Schema>) {
    let RefOr::T(Schema::Object(Object { schema_type, .. })) = property else {
        return;
    };
    if let SchemaType::Array(types) = schema_type {
        types.retain(|one| *one != Type::Null);
        if let [only] = types.as_slice() {
            *schema_type = SchemaType::Type(only.clone());
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.post, &mut item.put, &mut item.patch]
        .into_iter()
        .filter_map(Option::as_mut)
}

fn point_forms(operation: &mut Operation) {
    let Some(RefOr::T(body)) = &mut operation.request_body else {
        return;
    };
    let forms = body
        .content
        .iter_mut()
        .filter(|(kind, _)| *kind != "application/json");
    for (_, content) in forms {
        if let RefOr::T(content) = content
            && let Some(RefOr::Ref(Ref { ref_location, .. })) = &mut content.schema
        {
            ref_location.push_str("Form");
        }
    }
}
