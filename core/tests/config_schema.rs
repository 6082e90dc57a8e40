//! The committed JSON Schema: fresh, and of one mind with the reader wherever a schema can say what the reader says.

#![cfg(feature = "serde")]
#![expect(clippy::unwrap_used, reason = "a broken assumption of a helper is a failed test")]

use serde_json::Value;

const COMMITTED: &str = include_str!("../schema/policy.schema.json");
const VECTORS: [&str; 6] = [
    include_str!("../vectors/config/classify.json"),
    include_str!("../vectors/config/bounds.json"),
    include_str!("../vectors/config/types.json"),
    include_str!("../vectors/config/defaults.json"),
    include_str!("../vectors/config/refusals.json"),
    include_str!("../vectors/config/spool.json"),
];

#[test]
fn the_committed_schema_is_fresh() {
    if std::env::var_os("STANCHION_BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/policy.schema.json");
        std::fs::write(path, stanchion::policy_schema()).unwrap();
    } else {
        assert_eq!(
            COMMITTED,
            stanchion::policy_schema(),
            "run it again with STANCHION_BLESS=1, or `cargo xtask schema`"
        );
    }
}

/// What only the reader knows: rules between fields, and that a decimal has so many digits.
fn is_beyond_a_schema(error: &Value) -> bool {
    let allowed = error["allowed"].as_str().unwrap();
    let is_fine_decimal =
        allowed.contains("decimals") && ["33.333", "1.0005"].iter().any(|fine| error["value"] == *fine);
    let between_fields = [
        "at least",
        "at most `",
        "without `",
        "beside",
        "no other limit",
        "another name",
        "as they are",
        "without an answer",
    ];
    is_fine_decimal || between_fields.iter().any(|words| allowed.contains(words))
}

#[test]
fn schema_and_reader_agree_on_every_vector() {
    let schema = serde_json::from_str(&stanchion::policy_schema()).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for file in VECTORS {
        let file: Value = serde_json::from_str(file).unwrap();
        for vector in file["vectors"].as_array().unwrap() {
            let (config, expect) = (&vector["config"], &vector["expect"]);
            if let Some(complete) = expect.get("config") {
                assert!(validator.is_valid(config), "{}", vector["name"]);
                assert!(validator.is_valid(complete), "{}, with its defaults", vector["name"]);
                accepted += 1;
            } else if !is_beyond_a_schema(&expect["error"]) {
                assert!(!validator.is_valid(config), "{}", vector["name"]);
                refused += 1;
            }
        }
    }
    assert!(accepted > 100 && refused > 100, "{accepted} accepted, {refused} refused");
}

/// Editors and generators of types show these.
#[test]
fn every_field_says_what_it_means_and_what_it_is_by_default() {
    let schema: Value = serde_json::from_str(&stanchion::policy_schema()).unwrap();
    let tables = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    let mut fields = 0;
    for table in tables.filter(|table| table.get("properties").is_some()) {
        let required = table["required"].as_array().unwrap();
        assert_eq!(table["additionalProperties"], false);
        for (name, field) in table["properties"].as_object().unwrap() {
            let description = field["description"].as_str().unwrap();
            let is_required = required.iter().any(|required| required == name);
            let has_default = field.get("default").is_some() || description.contains(" Default: ");
            assert!(description.ends_with('.'), "{name}");
            assert_ne!(is_required, has_default, "{name}");
            fields += 1;
        }
    }
    assert_eq!(fields, 17 + 21 + 2 + 1 + 2 + 7 + 2 + 3 + 5 + (8 + 4) + (5 + 2 + 4) + (8 + 8) + (2 + 2) + (13 + 3));
}
