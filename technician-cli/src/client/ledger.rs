//! The kilometre ledger and the sites, as the broker keeps them.

use distans_proto::desk::{DeskReply, DeskRequest, SitesQuery};
use distans_proto::trips::{Booking, EntryRecord, LedgerFilter, Site};
use distans_trust::hash::Sha256;

use super::{Desk, Error};
use crate::home::names::Names;
use crate::say;

impl Desk {
    /// Books a visit; gives the entries that are now on the broker's disk. A made visit may take
    /// back an avoided one: then there are several.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Refused`] tells what does not fit.
    pub async fn book(&self, booking: Booking) -> Result<Vec<EntryRecord>, Error> {
        let entries: Vec<_> =
            self.request(&DeskRequest::Book(booking)).await?.into_iter().filter_map(entry).collect();
        if entries.is_empty() { Err(Error::broker("no entry for a booking")) } else { Ok(entries) }
    }

    /// Ledger entries, oldest first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn ledger(&self, filter: LedgerFilter) -> Result<Vec<EntryRecord>, Error> {
        let replies = self.request(&DeskRequest::Ledger(filter)).await?;
        Ok(replies.into_iter().filter_map(entry).collect())
    }

    /// All sites.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn sites(&self) -> Result<Vec<Site>, Error> {
        let replies = self.request(&DeskRequest::Sites(SitesQuery {})).await?;
        let site = |reply| if let DeskReply::Site(site) = reply { Some(site) } else { None };
        let sites: Vec<Site> = replies.into_iter().filter_map(site).collect();
        // Completions without the newest names are no reason to fail.
        let _ = self.home().remember(Names::of_sites(&sites), false);
        Ok(sites)
    }

    /// The site with this id or name, case ignored.
    ///
    /// # Errors
    /// [`Error`]; [`Error::NoSuchSite`] names those that begin alike.
    pub async fn site(&self, name: &str) -> Result<Site, Error> {
        let sites = self.sites().await?;
        let wanted = name.trim().to_lowercase();
        let fits = |site: &&Site| site.id.as_str() == wanted || site.name.raw().to_lowercase() == wanted;
        match sites.iter().find(fits) {
            Some(site) => Ok(site.clone()),
            None => Err(no_such_site(name, &sites)),
        }
    }
}

fn no_such_site(name: &str, sites: &[Site]) -> Error {
    let start: String = name.trim().to_lowercase().chars().take(2).collect();
    let alike = |site: &&Site| {
        site.name.raw().to_lowercase().starts_with(&start) || site.id.as_str().starts_with(&start)
    };
    let near: Vec<String> =
        sites.iter().filter(alike).take(5).map(|site| format!("{} ({})", site.name, site.id)).collect();
    let hint = match (sites.is_empty(), near.is_empty()) {
        (true, _) => say!(
            en: "no sites are known yet: distans admin site import",
            sv: "inga platser är kända än: distans admin site import"
        ),
        (false, true) => say!(
            en: "{} sites are known; distans admin site list",
            sv: "{} platser är kända; distans admin site list",
            sites.len()
        ),
        (false, false) => say!(en: "did you mean {}?", sv: "menade du {}?", near.join(", ")),
    };
    Error::NoSuchSite { name: name.into(), hint }
}

fn entry(reply: DeskReply) -> Option<EntryRecord> {
    if let DeskReply::Entry(entry) = reply { Some(*entry) } else { None }
}

/// The first entry whose hash does not follow from the one before, if any. Entries left out by
/// a filter are not missed: each entry carries the hash before it.
pub fn first_break(entries: &[EntryRecord]) -> Option<u64> {
    let mut before: Option<&EntryRecord> = None;
    for entry in entries {
        let follows =
            before.is_none_or(|before| before.seq + 1 != entry.seq || before.hash == entry.prev_hash);
        if !follows || chain_hash(entry).is_none_or(|hash| hash.to_string() != entry.hash.raw()) {
            return Some(entry.seq);
        }
        before = Some(entry);
    }
    None
}

fn chain_hash(entry: &EntryRecord) -> Option<Sha256> {
    let previous: Sha256 = entry.prev_hash.raw().parse().ok()?;
    let body: Sha256 = entry.body_hash.raw().parse().ok()?;
    let input = [previous.as_bytes().as_slice(), &entry.seq.to_be_bytes(), body.as_bytes()].concat();
    Some(Sha256::of(&input))
}

#[cfg(test)]
mod tests {
    use super::*;
    use distans_proto::ids::EntryId;
    use distans_proto::time::Timestamp;
    use distans_proto::trips::EntryKind;

    fn chain(length: u64) -> Vec<EntryRecord> {
        let mut previous = Sha256::from_bytes([0; 32]);
        let mut entries = Vec::new();
        for seq in 1..=length {
            let mut entry = EntryRecord {
                seq,
                id: EntryId::from_bytes([1; 16]),
                kind: EntryKind::Avoided,
                booked_at: Timestamp::from_secs(0),
                service_date: "2026-03-31".into(),
                need: None,
                site: None,
                road_m: None,
                site_revision: None,
                factor_set: None,
                method: None,
                channel: None,
                reason: None,
                urgency: None,
                by: None,
                reverses: None,
                reversed_by: None,
                body_hash: Sha256::of(&seq.to_be_bytes()).to_string().into(),
                prev_hash: previous.to_string().into(),
                hash: "".into(),
            };
            previous = chain_hash(&entry).expect("hashes are hexadecimal");
            entry.hash = previous.to_string().into();
            entries.push(entry);
        }
        entries
    }

    #[test]
    fn a_changed_or_exchanged_entry_breaks_the_chain() {
        let entries = chain(4);
        assert_eq!(first_break(&entries), None);
        assert_eq!(
            first_break(&[entries[0].clone(), entries[3].clone()]),
            None,
            "a filter leaves entries out"
        );
        let mut changed = entries.clone();
        changed[2].body_hash = Sha256::of(b"other").to_string().into();
        assert_eq!(first_break(&changed), Some(3));
        let mut removed = entries;
        removed.remove(1);
        removed[1].seq = 2;
        assert_eq!(first_break(&removed), Some(2));
    }
}
