//! Sites and road legs from CSV, in whole metres, seconds and millionths of a degree. Pure.
//!
//! Every fault is told with file and line, all of them at once, so that one round of
//! corrections is enough. Whether the roads fit together is the broker's question.

use std::collections::BTreeMap;
use std::fmt;

use distans_proto::desk::SiteImport;
use distans_proto::ids::SiteId;
use distans_proto::text::clean_line;
use distans_proto::trips::{Leg, Site};

/// Most faults told at once.
const FAULTS: usize = 20;

/// Longest road, metres: more is a slip of the point.
const ROAD_LIMIT: i64 = 3_000_000;

/// Longest drive, seconds.
const DRIVE_LIMIT: i64 = 48 * 3600;

const SITE_COLUMNS: [&str; 8] =
    ["id", "name", "municipality", "lat", "lon", "road_km_from_mora", "drive_minutes", "source"];
const LEG_COLUMNS: [&str; 5] = ["from", "to", "km", "minutes", "source"];

/// What is wrong, by file and line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.len().min(FAULTS);
        write!(out, "the tables were not taken, {} to correct:", self.0.len())?;
        for fault in &self.0[..shown] {
            write!(out, "\n  {fault}")?;
        }
        if self.0.len() > shown {
            write!(out, "\n  and {} more", self.0.len() - shown)?;
        }
        Ok(())
    }
}

/// Reads all files; each is a name for messages and its bytes.
///
/// # Errors
/// Every fault found.
pub fn read(
    sites: (&str, &[u8]),
    legs: (&str, &[u8]),
    factors: Option<(&str, &[u8])>,
) -> Result<SiteImport, Faults> {
    let mut faults = Faults::default();
    let site_rows = rows(sites, &SITE_COLUMNS, &mut faults);
    let leg_rows = rows(legs, &LEG_COLUMNS, &mut faults);
    let mut known: BTreeMap<SiteId, u64> = BTreeMap::new();
    let mut read_sites = Vec::new();
    for row in &site_rows {
        let site = site(row, &mut faults);
        let Some(site) = site else { continue };
        if let Some(line) = known.insert(site.id.clone(), row.line) {
            faults.0.push(row.fault(format!("site {} stands on line {line} already", site.id)));
        }
        read_sites.push(site);
    }
    let mut read_legs = Vec::new();
    for row in &leg_rows {
        let Some(leg) = leg(row, &mut faults) else { continue };
        for end in [&leg.from, &leg.to] {
            if !known.contains_key(end) {
                faults.0.push(row.fault(format!("site {end} is not in {}", sites.0)));
            }
        }
        read_legs.push(leg);
    }
    let factor_set = factors.and_then(|file| factor_set(file, &mut faults));
    if faults.0.is_empty() {
        Ok(SiteImport { sites: read_sites, legs: read_legs, factor_set })
    } else {
        Err(faults)
    }
}

/// One line of a table, by column.
struct Row<'a> {
    file: &'a str,
    line: u64,
    fields: BTreeMap<&'static str, String>,
}

impl Row<'_> {
    fn fault(&self, what: impl fmt::Display) -> String {
        format!("{}:{}: {what}", self.file, self.line)
    }

    fn text(&self, column: &'static str) -> &str {
        self.fields.get(column).map_or("", |text| text.trim())
    }

    fn site_id(&self, column: &'static str, faults: &mut Faults) -> Option<SiteId> {
        let text = self.text(column);
        let id = text.parse();
        if let Err(error) = &id {
            faults.0.push(self.fault(format!("{column} {:?}: {error}", clean_line(text, 40))));
        }
        id.ok()
    }

    fn words(&self, column: &'static str, faults: &mut Faults) -> String {
        let text = self.text(column);
        if text.is_empty() {
            faults.0.push(self.fault(format!("{column} is empty")));
        }
        text.to_owned()
    }

    /// A decimal number times `scale`, rounded, within `range` after scaling.
    fn number(&self, column: &'static str, scale: i64, range: (i64, i64), faults: &mut Faults) -> i64 {
        let text = self.text(column);
        let value = scaled(text, scale);
        match value {
            Some(value) if (range.0..=range.1).contains(&value) => value,
            Some(_) => {
                faults.0.push(self.fault(format!("{column} {text} is out of range")));
                range.0
            }
            None => {
                let shown = clean_line(text, 40);
                let hint = if text.contains(',') {
                    "write a point, not a comma"
                } else {
                    "a number like 12.5 is expected"
                };
                faults.0.push(self.fault(format!("{column} {shown:?}: {hint}")));
                range.0
            }
        }
    }
}

fn site(row: &Row<'_>, faults: &mut Faults) -> Option<Site> {
    let id = row.site_id("id", faults);
    let site = Site {
        id: "x".parse().ok()?,
        name: row.words("name", faults).into(),
        municipality: row.words("municipality", faults).into(),
        lat_e6: narrow(row.number("lat", 1_000_000, (-90_000_000, 90_000_000), faults)),
        lon_e6: narrow(row.number("lon", 1_000_000, (-180_000_000, 180_000_000), faults)),
        road_m: positive(row.number("road_km_from_mora", 1000, (0, ROAD_LIMIT), faults)),
        drive_s: positive(row.number("drive_minutes", 60, (0, DRIVE_LIMIT), faults)),
        source: row.words("source", faults).into(),
        revision: 0,
    };
    id.map(|id| Site { id, ..site })
}

fn leg(row: &Row<'_>, faults: &mut Faults) -> Option<Leg> {
    let (from, to) = (row.site_id("from", faults), row.site_id("to", faults));
    let m = positive(row.number("km", 1000, (0, ROAD_LIMIT), faults));
    let s = positive(row.number("minutes", 60, (0, DRIVE_LIMIT), faults));
    let source = row.words("source", faults).into();
    Some(Leg { from: from?, to: to?, m, s, source })
}

fn narrow(value: i64) -> i32 {
    i32::try_from(value).unwrap_or_default() // within its range already
}

fn positive(value: i64) -> u32 {
    u32::try_from(value).unwrap_or_default() // within its range already
}

/// `text` (at most nine digits before and nine after the point) times `scale`, rounded half up.
/// Exact: no floating point between the table and the ledger.
fn scaled(text: &str, scale: i64) -> Option<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number =
        |part: &str| (1..=9).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let unit = 10i128.pow(u32::try_from(fraction.len()).ok()?);
    let value = whole.parse::<i128>().ok()? * unit + fraction.parse::<i128>().ok()?;
    let value = i64::try_from((value * i128::from(scale) * 2 + unit) / (unit * 2)).ok()?;
    Some(if negative { -value } else { value })
}

/// The table's lines, if its columns are there.
fn rows<'a, const N: usize>(
    (file, bytes): (&'a str, &[u8]),
    columns: &[&'static str; N],
    faults: &mut Faults,
) -> Vec<Row<'a>> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_start_matches('\u{FEFF}'),
        Err(error) => {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            faults.0.push(format!("{file}:{line}: not UTF-8; save the table as \"CSV UTF-8\""));
            return Vec::new();
        }
    };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header =
        reader.headers().map(|header| header.iter().map(|name| name.trim().to_owned()).collect::<Vec<_>>());
    let header = header.unwrap_or_default();
    let places: Vec<Option<usize>> =
        columns.iter().map(|column| header.iter().position(|name| name == column)).collect();
    let missing: Vec<&str> =
        columns.iter().zip(&places).filter(|(_, place)| place.is_none()).map(|(column, _)| *column).collect();
    if !missing.is_empty() {
        let semicolons = header.len() == 1 && header[0].contains(';');
        let hint = if semicolons { "; the columns must be parted by commas, not semicolons" } else { "" };
        faults.0.push(format!("{file}:1: the columns {} are missing{hint}", missing.join(", ")));
        return Vec::new();
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                faults.0.push(format!("{file}: {error}"));
                break;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != header.len() {
            let (found, wanted) = (record.len(), header.len());
            faults.0.push(format!(
                "{file}:{line}: {found} fields, the heading has {wanted}; put text that holds a comma in \"quotes\""
            ));
            continue;
        }
        let field =
            |place: &Option<usize>| place.and_then(|place| record.get(place)).unwrap_or_default().to_owned();
        let fields = columns.iter().copied().zip(places.iter().map(field)).collect();
        rows.push(Row { file, line, fields });
    }
    if rows.is_empty() && faults.0.is_empty() {
        faults.0.push(format!("{file}: the table is empty"));
    }
    rows
}

/// The factor set's text, if it is TOML with the fields that name it.
fn factor_set((file, bytes): (&str, &[u8]), faults: &mut Faults) -> Option<String> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        faults.0.push(format!("{file}: not UTF-8"));
        return None;
    };
    match text.parse::<toml::Table>() {
        Ok(table) if table.contains_key("factor_set") && table.contains_key("valid_from") => {
            return Some(text.to_owned());
        }
        Ok(_) => faults.0.push(format!("{file}: factor_set and valid_from are missing")),
        Err(error) => {
            let line =
                error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            faults.0.push(format!("{file}:{line}: {}", error.message()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITES: &[u8] = include_bytes!("../../../deploy/data/sites.csv");
    const LEGS: &[u8] = include_bytes!("../../../deploy/data/road_legs.csv");
    const FACTORS: &[u8] = include_bytes!("../../../deploy/data/vehicles.toml");
    const HEADING: &str = "id,name,municipality,lat,lon,road_km_from_mora,drive_minutes,source\n";

    fn faults(sites: &str, legs: &str) -> Vec<String> {
        match read(("sites.csv", sites.as_bytes()), ("legs.csv", legs.as_bytes()), None) {
            Ok(import) => panic!("taken: {import:?}"),
            Err(faults) => faults.0,
        }
    }

    #[test]
    fn the_units_own_tables_read_exactly() {
        let import = read(("sites.csv", SITES), ("road_legs.csv", LEGS), Some(("vehicles.toml", FACTORS)));
        let import = import.expect("they are in order");
        assert_eq!((import.sites.len(), import.legs.len()), (30, 33));
        let grovelsjon = import.sites.iter().find(|site| site.id.as_str() == "grovelsjon").expect("there");
        assert_eq!((grovelsjon.road_m, grovelsjon.drive_s), (189_000, 159 * 60));
        assert_eq!((grovelsjon.lat_e6, grovelsjon.lon_e6), (62_098_576, 12_312_181));
        assert_eq!(grovelsjon.name.raw(), "Grövelsjön");
        let first = &import.legs[0];
        assert_eq!((first.m, first.s), (2000, 132));
        assert!(import.factor_set.is_some());
    }

    #[test]
    fn numbers_are_exact() {
        assert_eq!(scaled("61.008209", 1_000_000), Some(61_008_209));
        assert_eq!(scaled("-0.5", 1000), Some(-500));
        assert_eq!(scaled("2.2", 60), Some(132));
        assert_eq!(scaled("0.0005", 1000), Some(1));
        assert_eq!(scaled("0.0004", 1000), Some(0));
        for wrong in ["", ".", "1.", ".5", "1e3", "1,5", "+1", "--1", "١", "9999999999", "0.1234567891"] {
            assert_eq!(scaled(wrong, 1000), None, "{wrong:?}");
        }
    }

    #[test]
    fn every_fault_is_told_with_file_and_line() {
        let sites = format!(
            "{HEADING}mora,Mora,Mora,61.0,14.5,0.0,0,x\nOrsa,Orsa,Orsa,61.1,14.6,15.0,15,x\nmora,Mora igen,Mora,\"61,0\",14.5,0.0,0,x\nrot,Rot,Älvdalen,61.2,14.0,42.4\n"
        );
        let legs = "from,to,km,minutes,source\nmora,idre,15.0,15,x\nmora,mora,far,1,\n";
        let told = faults(&sites, legs);
        for (line, part) in [
            ("sites.csv:3:", "SiteId must be"),
            ("sites.csv:4:", "lat \"61,0\": write a point"),
            ("sites.csv:4:", "site mora stands on line 2"),
            ("sites.csv:5:", "6 fields, the heading has 8"),
            ("legs.csv:2:", "site idre is not in sites.csv"),
            ("legs.csv:3:", "km \"far\""),
            ("legs.csv:3:", "source is empty"),
        ] {
            assert!(
                told.iter().any(|fault| fault.starts_with(line) && fault.contains(part)),
                "{line} {part}: {told:#?}"
            );
        }
    }

    #[test]
    fn spreadsheets_habits_are_recognised() {
        let semicolons = HEADING.replace(',', ";");
        assert!(faults(&semicolons, "from,to,km,minutes,source\n")[0].contains("not semicolons"));
        let latin1 =
            read(("sites.csv", b"id\nGr\xf6velsj\xf6n"), ("legs.csv", LEGS), None).expect_err("refused");
        assert!(latin1.to_string().contains("sites.csv:2: not UTF-8"), "{latin1}");
        let bom = [b"\xEF\xBB\xBF", SITES].concat();
        assert!(read(("sites.csv", &bom), ("legs.csv", LEGS), None).is_ok());
        assert!(
            read(("s", SITES), ("l", LEGS), Some(("v", b"schema = 1\nx =")))
                .expect_err("refused")
                .to_string()
                .contains("v:2:")
        );
    }
}
