//! Sites by revision and factor sets that never change.

use distans_broker_core::factors::{FactorSet, FactorSetError};
use distans_broker_store::{SiteImported, StoreError};
use distans_proto::trips::EntryKind;

use crate::common::{Home, NOW, anna, factors, roads, site};

#[tokio::test]
async fn an_import_is_booked_in_the_ledger_and_the_same_again_is_nothing_new() {
    let home = Home::empty().await;
    assert!(home.store.sites().await.expect("read").is_empty());
    let first =
        home.store.import_sites(roads(151_000), Some(factors()), &anna(), NOW).await.expect("imported");
    assert_eq!(first, SiteImported { revision: 1, new_revision: true, new_factor_set: true });
    let again =
        home.store.import_sites(roads(151_000), Some(factors()), &anna(), NOW).await.expect("imported");
    assert_eq!(again, SiteImported { revision: 1, new_revision: false, new_factor_set: false });
    let kinds: Vec<EntryKind> = home.entries().await.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::SiteRevision, EntryKind::FactorSet]);
    let next = home.store.import_sites(roads(152_000), None, &anna(), NOW).await.expect("imported");
    assert_eq!(next, SiteImported { revision: 2, new_revision: true, new_factor_set: false });
    let sites = home.store.sites().await.expect("read");
    let idre = sites.iter().find(|place| place.id == site("idre")).expect("there");
    assert_eq!((sites.len(), idre.road_m, idre.revision), (4, 152_000, 2));
    home.assert_sound().await;
}

#[tokio::test]
async fn a_published_factor_set_is_never_edited() {
    let home = Home::with_sites().await;
    let text = factors().text.replace("amount_per_km = 83", "amount_per_km = 84");
    let edited = FactorSet::parse(text).expect("readable");
    let refused = home.store.import_sites(roads(150_000), Some(edited), &anna(), NOW).await;
    assert!(matches!(refused, Err(StoreError::FactorSet(FactorSetError::Changed(id))) if id == "2026-1"));
    assert_eq!(
        home.store.sites().await.expect("read")[0].revision,
        1,
        "the sites beside it were not taken either"
    );
}

#[tokio::test]
async fn a_site_with_pcs_cannot_vanish() {
    let home = Home::with_sites().await;
    let full = roads(151_000);
    let fewer = distans_broker_core::roads::Roads::check(
        full.sites().filter(|place| place.id != site("orsa")).cloned().collect(),
        full.legs().filter(|leg| leg.to != site("orsa")).cloned().collect(),
    )
    .expect("sound without Orsa");
    let refused = home.store.import_sites(fewer, None, &anna(), NOW).await;
    assert!(matches!(refused, Err(StoreError::SiteInUse(place)) if place == site("orsa")));
}
