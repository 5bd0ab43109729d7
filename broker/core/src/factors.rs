//! Factor sets: vehicles, fuels, costs and the method's constants, frozen under an id.
//!
//! An entry remembers which set was in force when it was booked, so that a new factor never
//! changes an old figure. The set's TOML text is kept as it came; here only what an entry needs
//! is read, and what would make later arithmetic impossible is refused.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use serde::Deserialize;

use crate::dates::ServiceDate;
use crate::ledger::METHOD;

/// Longest text of a factor set, in bytes.
pub const TEXT_LIMIT: usize = 64 * 1024;

/// A factor set that can be frozen into entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactorSet {
    /// Its id, for instance `2026-1`.
    pub id: String,
    /// First day it is in force.
    pub valid_from: ServiceDate,
    /// SHA-256 of `text`.
    pub sha256: [u8; 32],
    /// The TOML text as it came.
    pub text: String,
}

/// Why a text is not a factor set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactorSetError {
    /// Too long to be one.
    #[error("a factor set has at most {TEXT_LIMIT} bytes")]
    TooLong,
    /// Not TOML, or a field is missing or of the wrong type.
    #[error("the factor set cannot be read: {0}")]
    Toml(String),
    /// A schema of another time.
    #[error("the factor set has schema {0}, this version reads schema 1")]
    Schema(i64),
    /// The id would not fit an entry.
    #[error("factor_set must be 1 to 32 of the characters a-z, 0-9, '.' and '-'")]
    Id,
    /// `valid_from` is not a day.
    #[error("valid_from must be a day, for instance 2026-01-01")]
    ValidFrom,
    /// Made for another method.
    #[error("the factor set is for method {0:?}, this version counts by {METHOD:?}")]
    Method(String),
    /// The vehicles' shares are not a whole.
    #[error("expected_share_permille of all vehicles must add up to 1000, not {0}")]
    Shares(u64),
    /// A vehicle burns what is not listed.
    #[error("vehicle {vehicle:?} uses fuel {fuel:?}, which has no [fuel.{fuel}] section")]
    Fuel {
        /// The vehicle.
        vehicle: String,
        /// The fuel.
        fuel: String,
    },
    /// The id is taken by another text.
    #[error(
        "factor set {0:?} is already recorded with other content; a published set is never edited: give it a new factor_set id and valid_from"
    )]
    Changed(String),
}

#[derive(Deserialize)]
struct Text {
    schema: i64,
    factor_set: String,
    valid_from: toml::value::Datetime,
    method: Method,
    fuel: BTreeMap<String, toml::Table>,
    vehicle: Vec<Vehicle>,
}

#[derive(Deserialize)]
struct Method {
    id: String,
}

#[derive(Deserialize)]
struct Vehicle {
    id: String,
    fuel: String,
    expected_share_permille: u16,
}

impl FactorSet {
    /// Reads the text of `vehicles.toml`.
    ///
    /// # Errors
    /// Says which field is wrong and what it should be.
    pub fn parse(text: String) -> Result<Self, FactorSetError> {
        if text.len() > TEXT_LIMIT {
            return Err(FactorSetError::TooLong);
        }
        let read: Text = toml::from_str(&text).map_err(|error| {
            FactorSetError::Toml(distans_proto::text::clean_line(&error.to_string(), 400))
        })?;
        if read.schema != 1 {
            return Err(FactorSetError::Schema(read.schema));
        }
        let id_fits =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
        if !(1..=32).contains(&read.factor_set.len()) || !read.factor_set.bytes().all(id_fits) {
            return Err(FactorSetError::Id);
        }
        if read.method.id != METHOD {
            return Err(FactorSetError::Method(distans_proto::text::clean_line(&read.method.id, 64)));
        }
        let shares: u64 = read.vehicle.iter().map(|vehicle| u64::from(vehicle.expected_share_permille)).sum();
        if shares != 1000 {
            return Err(FactorSetError::Shares(shares));
        }
        if let Some(vehicle) = read.vehicle.iter().find(|vehicle| !read.fuel.contains_key(&vehicle.fuel)) {
            return Err(FactorSetError::Fuel {
                vehicle: distans_proto::text::clean_line(&vehicle.id, 64),
                fuel: distans_proto::text::clean_line(&vehicle.fuel, 64),
            });
        }
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        Ok(Self {
            valid_from: read.valid_from.to_string().parse().map_err(|_| FactorSetError::ValidFrom)?,
            id: read.factor_set,
            sha256,
            text,
        })
    }
}

/// The set in force on `day` as `(id, valid_from)`: the youngest that had begun, and before all
/// of them the oldest, because help given before the first set was written still needs one.
pub fn in_force<'a>(sets: &'a [(String, ServiceDate)], day: ServiceDate) -> Option<&'a str> {
    let key = |set: &&'a (String, ServiceDate)| (set.1, set.0.as_str());
    sets.iter()
        .filter(|(_, valid_from)| *valid_from <= day)
        .max_by_key(key)
        .or_else(|| sets.iter().min_by_key(key))
        .map(|(id, _)| id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &str = include_str!("../../../deploy/data/vehicles.toml");

    #[test]
    fn the_default_factor_set_is_taken() {
        let set = FactorSet::parse(REAL.to_owned()).expect("the project's own data");
        assert_eq!((set.id.as_str(), set.valid_from.to_string().as_str()), ("2026-1", "2026-01-01"));
    }

    #[test]
    fn each_mistake_is_named() {
        let with =
            |from: &str, to: &str| FactorSet::parse(REAL.replacen(from, to, 1)).expect_err("a mistake");
        assert_eq!(with("schema = 1", "schema = 2"), FactorSetError::Schema(2));
        assert_eq!(with("\"2026-1\"", "\"2026 1\""), FactorSetError::Id);
        assert_eq!(with("valid_from = 2026-01-01", "valid_from = 07:30:00"), FactorSetError::ValidFrom);
        assert_eq!(
            with("avoided-trips/1", "avoided-trips/9"),
            FactorSetError::Method("avoided-trips/9".to_owned())
        );
        assert_eq!(
            with("expected_share_permille = 250", "expected_share_permille = 251"),
            FactorSetError::Shares(1001)
        );
        assert!(matches!(with("fuel = \"hvo100\"", "fuel = \"coal\""), FactorSetError::Fuel { .. }));
        assert!(matches!(FactorSet::parse("nonsense".to_owned()), Err(FactorSetError::Toml(_))));
        assert_eq!(FactorSet::parse(" ".repeat(TEXT_LIMIT + 1)), Err(FactorSetError::TooLong));
    }

    #[test]
    fn the_youngest_set_that_had_begun_is_in_force() {
        let day = |text: &str| text.parse::<ServiceDate>().expect("a day");
        let sets = [("2027-1".to_owned(), day("2027-01-01")), ("2026-1".to_owned(), day("2026-01-01"))];
        assert_eq!(in_force(&sets, day("2026-12-31")), Some("2026-1"));
        assert_eq!(in_force(&sets, day("2027-01-01")), Some("2027-1"));
        assert_eq!(in_force(&sets, day("2025-06-01")), Some("2026-1"));
        assert_eq!(in_force(&[], day("2026-01-01")), None);
    }
}
