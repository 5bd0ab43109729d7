//! Running statements and reading rows: the few lines every repository needs.
//!
//! Statements are written out with `$1`-style parameters, which SQLite and PostgreSQL share.

use std::str::FromStr;

use distans_proto::text::Untrusted;
use distans_proto::time::Timestamp;
use sea_orm::{ConnectionTrait, ExecResult, QueryResult, Statement, TryGetable, Value};

use crate::StoreError;

fn statement<const N: usize>(database: &impl ConnectionTrait, sql: &str, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(database.get_database_backend(), sql, values)
}

/// Runs a statement; gives the number of rows it touched.
pub(crate) async fn run<C: ConnectionTrait, const N: usize>(
    database: &C,
    sql: &str,
    values: [Value; N],
) -> Result<u64, StoreError> {
    let done: ExecResult = database.execute_raw(statement(database, sql, values)).await?;
    Ok(done.rows_affected())
}

/// The first row, if there is one.
pub(crate) async fn one<C: ConnectionTrait, const N: usize>(
    database: &C,
    sql: &str,
    values: [Value; N],
) -> Result<Option<Row>, StoreError> {
    Ok(database.query_one_raw(statement(database, sql, values)).await?.map(Row))
}

/// All rows. The caller bounds them with LIMIT or by the nature of the table.
pub(crate) async fn all<C: ConnectionTrait, const N: usize>(
    database: &C,
    sql: &str,
    values: [Value; N],
) -> Result<Vec<Row>, StoreError> {
    Ok(database.query_all_raw(statement(database, sql, values)).await?.into_iter().map(Row).collect())
}

/// An integer column's value for a count that only grows; stops at the column's end.
pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// One row of an answer.
pub(crate) struct Row(QueryResult);

impl Row {
    /// A column as the driver reads it.
    pub(crate) fn get<T: TryGetable>(&self, column: &str) -> Result<T, StoreError> {
        Ok(self.0.try_get("", column)?)
    }

    /// A 16-byte id.
    pub(crate) fn id<T>(&self, column: &'static str, wrap: fn([u8; 16]) -> T) -> Result<T, StoreError> {
        self.fixed(column).map(wrap)
    }

    /// A 16-byte id that may be absent.
    pub(crate) fn maybe_id<T>(
        &self,
        column: &'static str,
        wrap: fn([u8; 16]) -> T,
    ) -> Result<Option<T>, StoreError> {
        let bytes: Option<Vec<u8>> = self.get(column)?;
        bytes.map(|bytes| exact(column, &bytes).map(wrap)).transpose()
    }

    /// A blob of a fixed length, for instance a hash.
    pub(crate) fn fixed<const N: usize>(&self, column: &'static str) -> Result<[u8; N], StoreError> {
        exact(column, &self.get::<Vec<u8>>(column)?)
    }

    /// A text that is read back into its type.
    pub(crate) fn parsed<T: FromStr>(&self, column: &'static str) -> Result<T, StoreError> {
        let text: String = self.get(column)?;
        text.parse().map_err(|_| StoreError::Corrupt { what: column })
    }

    /// As [`Self::parsed`], for a text that may be absent.
    pub(crate) fn maybe_parsed<T: FromStr>(&self, column: &'static str) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.get(column)?;
        text.map(|text| text.parse().map_err(|_| StoreError::Corrupt { what: column })).transpose()
    }

    /// An integer in a smaller or unsigned type.
    pub(crate) fn number<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T, StoreError> {
        T::try_from(self.get::<i64>(column)?).map_err(|_| StoreError::Corrupt { what: column })
    }

    /// A time.
    pub(crate) fn time(&self, column: &str) -> Result<Timestamp, StoreError> {
        Ok(Timestamp::from_micros(self.get(column)?))
    }

    /// A time that may be absent.
    pub(crate) fn maybe_time(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.get::<Option<i64>>(column)?.map(Timestamp::from_micros))
    }

    /// Text from outside.
    pub(crate) fn untrusted(&self, column: &str) -> Result<Untrusted, StoreError> {
        Ok(Untrusted::new(self.get::<String>(column)?))
    }

    /// Yes or no.
    pub(crate) fn flag(&self, column: &str) -> Result<bool, StoreError> {
        Ok(self.get::<i64>(column)? != 0)
    }
}

fn exact<const N: usize>(column: &'static str, bytes: &[u8]) -> Result<[u8; N], StoreError> {
    bytes.try_into().map_err(|_| StoreError::Corrupt { what: column })
}
