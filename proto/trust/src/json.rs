//! JSON read strictly: what two programs could read differently is refused.
//!
//! A key that stands twice in one object, at any depth, is refused (readers disagree about
//! which one counts), and so are deep nesting, trailing text and documents over their limit.

use std::collections::HashSet;
use std::fmt;

use distans_proto::text::clean_line;
use serde::de::{self, DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};

/// Deepest nesting of arrays and objects.
pub const NESTING_LIMIT: usize = 16;

/// Longest text about what is wrong, in characters.
const SHOWN_LIMIT: usize = 300;

/// Why bytes are not acceptable JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Longer than the caller's limit.
    #[error("{length} bytes of JSON, at most {limit} are allowed")]
    TooLong {
        /// Length found.
        length: usize,
        /// Limit.
        limit: usize,
    },
    /// Not JSON, a key twice, nested too deeply, or not the fields expected.
    #[error("unacceptable JSON: {0}")]
    Malformed(String),
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        // serde repeats names it does not know as they came, and these texts are shown.
        Self::Malformed(clean_line(&error.to_string(), SHOWN_LIMIT))
    }
}

/// The value in `bytes`, read strictly.
///
/// # Errors
/// [`JsonError`] as the module says.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, JsonError> {
    if bytes.len() > limit {
        return Err(JsonError::TooLong { length: bytes.len(), limit });
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Shape { depth: 0 }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(serde_json::from_slice(bytes)?)
}

/// Walks a value and keeps nothing but the keys of the objects it is inside of.
#[derive(Clone, Copy)]
struct Shape {
    depth: usize,
}

impl Shape {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == NESTING_LIMIT {
            return Err(E::custom(format!("nested deeper than {NESTING_LIMIT}")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Shape {
    type Value = ();
    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Shape {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inside = self.deeper()?;
        while items.next_element_seed(inside)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let inside = self.deeper()?;
        let mut keys = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if keys.contains(&key) {
                let shown: String = key.chars().take(40).collect();
                return Err(de::Error::custom(format!("the key {shown:?} stands twice")));
            }
            keys.insert(key);
            entries.next_value_seed(inside)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn read(text: &str) -> Result<Value, JsonError> {
        from_slice(text.as_bytes(), 1024)
    }

    #[test]
    fn a_key_twice_is_refused_at_any_depth_and_however_it_is_spelled() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"[{"b":{"a":1,"a":2}}]"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":[{"y":null,"z":0,"y":null}]}"#,
        ] {
            assert!(read(text).is_err(), "{text} was taken");
        }
        assert!(read(r#"{"a":{"a":1},"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn nesting_length_and_trailing_text_are_limited() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&nested(NESTING_LIMIT)).is_ok());
        assert!(read(&nested(NESTING_LIMIT + 1)).is_err());
        assert!(read(&nested(500)).is_err());
        assert!(read("{} {}").is_err());
        assert!(read("").is_err());
        let long = format!("\"{}\"", "a".repeat(1023));
        assert_eq!(read(&long), Err(JsonError::TooLong { length: 1025, limit: 1024 }));
    }

    #[test]
    fn what_is_said_about_hostile_text_steers_no_terminal() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "snake_case")]
        enum Known {
            Asked {},
        }
        for text in [r#""\u001b]0;owned\u0007\u202e""#, r#"{"asked":{"\u001b[2J\u009b":1}}"#] {
            let told = from_slice::<Known>(text.as_bytes(), 1024).expect_err("unknown").to_string();
            assert!(!told.chars().any(distans_proto::text::is_steering), "{told:?}");
        }
        let long = format!("\"{}\"", "x".repeat(900));
        let told = from_slice::<Known>(long.as_bytes(), 1024).expect_err("unknown").to_string();
        assert!(told.chars().count() < 400, "{told}");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = from_slice::<Value>(&bytes, 256);
        }

        #[test]
        fn what_is_taken_is_what_serde_reads(text in "[\\[\\]{}\",:0-9a b\\\\u.-]{0,40}") {
            if let Ok(value) = from_slice::<Value>(text.as_bytes(), 1024) {
                prop_assert_eq!(value, serde_json::from_str::<Value>(&text).expect("taken, so it is JSON"));
            }
        }
    }
}
