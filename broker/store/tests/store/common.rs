//! A store in a temporary folder, with a token, some sites and short words for tests.

use std::path::PathBuf;

use distans_broker_core::factors::FactorSet;
use distans_broker_core::pseudonym::Pseudonyms;
use distans_broker_core::roads::Roads;
use distans_broker_store::{EnrolOutcome, NewCertificate, NewDevice, NewToken, Store, StoreError};
use distans_proto::ids::{DeviceId, SiteId, TechnicianId, TokenId};
use distans_proto::time::Timestamp;
use distans_proto::trips::{
    AvoidedVisit, Booking, Channel, EntryRecord, Leg, MadeVisit, Reason, Site, Urgency,
};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use tempfile::TempDir;

/// 1 June 2026, noon in Stockholm.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_780_308_000);

pub(crate) const LEDGER_KEY: [u8; 32] = *b"the ledger key of these tests 32";

pub(crate) const TOKEN: TokenId = TokenId::from_bytes([0x70; 16]);

/// A folder with a database in it, gone when dropped.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
}

impl Home {
    /// An empty database.
    pub(crate) async fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = open(folder.path().join("broker.db")).await.expect("a new database");
        Self { folder, store }
    }

    /// A database with a token.
    pub(crate) async fn with_token() -> Self {
        let home = Self::empty().await;
        let token = NewToken { token: TOKEN, cert: b"token certificate".to_vec() };
        home.store.publish(Vec::new(), vec![token], NOW).await.expect("published");
        home
    }

    /// A database with sites, factors and three PCs: 1 in Grövelsjön, 2 in Orsa, 3 nowhere yet.
    pub(crate) async fn with_sites() -> Self {
        let home = Self::with_token().await;
        home.store.import_sites(roads(151_000), Some(factors()), &anna(), NOW).await.expect("imported");
        for byte in 1..=3 {
            assert_eq!(home.store.enrol(pc(byte), 10).await.expect("enrolled"), EnrolOutcome::New);
        }
        for (byte, site) in [(1, "grovelsjon"), (2, "orsa")] {
            home.store.edit_device(device(byte), true, Some(self::site(site))).await.expect("placed");
        }
        home
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("broker.db")
    }

    /// A connection past the store, as an intruder or another program has it.
    pub(crate) async fn raw(&self) -> DatabaseConnection {
        raw(&self.path()).await
    }

    pub(crate) async fn book(&self, booking: Booking) -> Result<Vec<EntryRecord>, StoreError> {
        self.store.book(booking, &anna(), NOW).await
    }

    pub(crate) async fn entries(&self) -> Vec<EntryRecord> {
        self.store.entries(&Default::default(), 0, 0).await.expect("entries")
    }

    /// Panics unless the whole database is sound.
    pub(crate) async fn assert_sound(&self) {
        let integrity = self.store.integrity().await.expect("readable");
        assert_eq!(integrity.problems, Vec::<String>::new());
    }
}

pub(crate) async fn open(path: PathBuf) -> Result<Store, StoreError> {
    Store::open(&path, Pseudonyms::new(&LEDGER_KEY)).await
}

pub(crate) async fn raw(path: &std::path::Path) -> DatabaseConnection {
    Database::connect(format!("sqlite:{}", path.display())).await.expect("a connection")
}

/// What SQLite says to a statement run past the store.
pub(crate) async fn refusal(database: &DatabaseConnection, sql: &str) -> String {
    match database.execute_unprepared(sql).await {
        Ok(_) => panic!("was done: {sql}"),
        Err(error) => error.to_string(),
    }
}

pub(crate) fn anna() -> TechnicianId {
    "anna".parse().expect("a label")
}

pub(crate) fn site(text: &str) -> SiteId {
    text.parse().expect("a label")
}

pub(crate) fn device(byte: u8) -> DeviceId {
    DeviceId::from_bytes([byte; 16])
}

pub(crate) fn pc(byte: u8) -> NewDevice {
    NewDevice {
        id: device(byte),
        hostname: format!("PC-ORSA-{byte:03}").into(),
        group: "kontor".parse().expect("a label"),
        spki: vec![byte; 91],
        endorsement: vec![byte; 40],
        token: TOKEN,
        certificate: NewCertificate {
            serial: vec![byte; 20],
            not_after: Timestamp::from_secs(2_000_000_000),
        },
        at: NOW,
    }
}

/// Depot, Orsa, Idre and Grövelsjön, with a length for the way to Idre.
pub(crate) fn roads(idre_m: u32) -> Roads {
    let place = |name: &str, road_m, drive_s| Site {
        id: site(name),
        name: name.into(),
        municipality: "Test".into(),
        lat_e6: 61_000_000,
        lon_e6: 14_500_000,
        road_m,
        drive_s,
        source: "test".into(),
        revision: 0,
    };
    let leg =
        |from: &str, to: &str, m, s| Leg { from: site(from), to: site(to), m, s, source: "test".into() };
    Roads::check(
        vec![
            place("mora", 0, 0),
            place("orsa", 15_000, 900),
            place("idre", idre_m, 7_500),
            place("grovelsjon", idre_m + 38_000, 9_510),
        ],
        vec![
            leg("mora", "orsa", 15_000, 900),
            leg("mora", "idre", idre_m, 7_500),
            leg("idre", "grovelsjon", 38_000, 2_010),
        ],
    )
    .expect("a sound network")
}

pub(crate) fn factors() -> FactorSet {
    FactorSet::parse(include_str!("../../../../deploy/data/vehicles.toml").to_owned()).expect("a factor set")
}

/// A visit to PC `byte` that was not driven.
pub(crate) fn avoided(byte: u8) -> AvoidedVisit {
    AvoidedVisit {
        device: Some(device(byte)),
        site: None,
        need: None,
        ticket: None,
        channel: Channel::Remote,
        reason: Reason::FaultUsedToNeedHands,
        urgency: Urgency::CanWait,
        service_date: None,
    }
}

/// A visit to PC `byte` that was made.
pub(crate) fn made(byte: u8) -> MadeVisit {
    MadeVisit { device: Some(device(byte)), site: None, need: None, ticket: None, service_date: None }
}
