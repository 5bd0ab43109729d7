//! The hash chain: what links an entry to the one before, and finding where a chain is broken.
//!
//! `body_hash = SHA-256(salt ‖ body)` and `hash = SHA-256(prev_hash ‖ seq as u64 big-endian ‖
//! body_hash)`. The salt is random for each entry, so that an erased body cannot be guessed from
//! its hash, and the chain of the rest still holds. A chain cut at its end cannot show it by
//! itself: keep [`Head`] elsewhere to notice.

use aws_lc_rs::digest::{Context, SHA256};

/// Where a chain ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Head {
    /// Position of the last entry; 0 for an empty chain.
    pub seq: u64,
    /// Its hash; zeros for an empty chain.
    pub hash: [u8; 32],
}

/// One entry's place in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Position, from 1 without gaps.
    pub seq: u64,
    /// SHA-256(salt ‖ body).
    pub body_hash: [u8; 32],
    /// Hash of the entry before; zeros for the first.
    pub prev_hash: [u8; 32],
    /// SHA-256(prev_hash ‖ seq ‖ body_hash).
    pub hash: [u8; 32],
}

impl Link {
    /// The place after `head` for a body.
    pub fn after(head: &Head, salt: &[u8; 32], body: &[u8]) -> Self {
        let seq = head.seq.saturating_add(1);
        let body_hash = sha256(&[salt, body]);
        Self { seq, body_hash, prev_hash: head.hash, hash: link_hash(&head.hash, seq, &body_hash) }
    }

    /// The chain's end when this is its last entry.
    pub const fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }
}

/// What does not hold about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Entries are missing before it, or it stands twice.
    #[error("its position does not follow the entry before")]
    Position,
    /// It does not name the hash of the entry before.
    #[error("its previous hash is not the hash of the entry before")]
    Previous,
    /// Its body or salt was changed.
    #[error("its body does not have the recorded hash")]
    Body,
    /// Its own hash was changed.
    #[error("its hash does not follow from its parts")]
    Hash,
}

/// The first entry at which a chain is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ledger entry {seq} is broken: {fault}")]
pub struct ChainError {
    /// Position where it stands, counted from 1.
    pub seq: u64,
    /// What does not hold.
    pub fault: Fault,
}

/// Checks a chain entry by entry, in order.
#[derive(Debug, Default)]
pub struct Verifier {
    head: Head,
}

impl Verifier {
    /// Takes the next entry.
    ///
    /// # Errors
    /// Names the entry and what does not hold; the verifier is of no use after that.
    pub fn next(&mut self, link: &Link, salt: &[u8], body: &[u8]) -> Result<(), ChainError> {
        let seq = self.head.seq.saturating_add(1);
        let broken = |fault| Err(ChainError { seq, fault });
        if link.seq != seq {
            return broken(Fault::Position);
        }
        if link.prev_hash != self.head.hash {
            return broken(Fault::Previous);
        }
        // A salt of another length would move the border between salt and body unseen.
        if salt.len() != 32 || sha256(&[salt, body]) != link.body_hash {
            return broken(Fault::Body);
        }
        if link_hash(&link.prev_hash, link.seq, &link.body_hash) != link.hash {
            return broken(Fault::Hash);
        }
        self.head = link.head();
        Ok(())
    }

    /// The end of what was checked so far.
    pub const fn head(&self) -> Head {
        self.head
    }
}

fn link_hash(prev_hash: &[u8; 32], seq: u64, body_hash: &[u8; 32]) -> [u8; 32] {
    sha256(&[prev_hash, &seq.to_be_bytes(), body_hash])
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Entry = (Link, Vec<u8>, Vec<u8>);

    fn chain(bodies: &[(Vec<u8>, [u8; 32])]) -> Vec<Entry> {
        let mut head = Head::default();
        bodies
            .iter()
            .map(|(body, salt)| {
                let link = Link::after(&head, salt, body);
                head = link.head();
                (link, salt.to_vec(), body.clone())
            })
            .collect()
    }

    fn verify(entries: &[Entry]) -> Result<Head, ChainError> {
        let mut verifier = Verifier::default();
        for (link, salt, body) in entries {
            verifier.next(link, salt, body)?;
        }
        Ok(verifier.head())
    }

    /// Changes one bit of one entry; `at` counts through all of its bytes.
    fn flip(entry: &mut Entry, at: usize, bit: u8) {
        let (link, salt, body) = entry;
        let mut seq = link.seq.to_be_bytes();
        let fields: [&mut [u8]; 6] =
            [&mut link.hash, &mut link.prev_hash, &mut link.body_hash, &mut seq, salt, body];
        let mut bytes = fields.into_iter().flatten().collect::<Vec<_>>();
        let index = at % bytes.len();
        *bytes[index] ^= 1 << bit;
        link.seq = u64::from_be_bytes(seq);
    }

    fn bodies() -> impl Strategy<Value = Vec<(Vec<u8>, [u8; 32])>> {
        prop::collection::vec((prop::collection::vec(any::<u8>(), 0..40), any::<[u8; 32]>()), 2..12)
    }

    proptest! {
        #[test]
        fn an_untouched_chain_holds(bodies in bodies()) {
            let entries = chain(&bodies);
            prop_assert_eq!(verify(&entries).expect("whole").seq, bodies.len() as u64);
        }

        #[test]
        fn any_changed_bit_breaks_it_at_its_entry(
            bodies in bodies(), which in any::<prop::sample::Index>(), at in any::<usize>(), bit in 0u8..8
        ) {
            let mut entries = chain(&bodies);
            let which = which.index(entries.len());
            flip(&mut entries[which], at, bit);
            let error = verify(&entries).expect_err("a changed bit");
            prop_assert_eq!(error.seq, which as u64 + 1);
        }

        #[test]
        fn dropping_swapping_and_repeating_entries_breaks_it(
            bodies in bodies(), which in any::<prop::sample::Index>()
        ) {
            let entries = chain(&bodies);
            let which = which.index(entries.len() - 1);
            let mut dropped = entries.clone();
            dropped.remove(which);
            let mut swapped = entries.clone();
            swapped.swap(which, which + 1);
            let mut repeated = entries.clone();
            repeated.insert(which, entries[which].clone());
            for broken in [dropped, swapped, repeated] {
                prop_assert!(verify(&broken).is_err());
            }
        }
    }

    #[test]
    fn moving_a_byte_from_body_to_salt_is_noticed() {
        let mut entries = chain(&[(b"body".to_vec(), [5; 32])]);
        let first = entries[0].2.remove(0);
        entries[0].1.push(first);
        assert_eq!(verify(&entries), Err(ChainError { seq: 1, fault: Fault::Body }));
    }

    #[test]
    fn the_first_hash_is_what_the_formula_says() {
        let link = Link::after(&Head::default(), &[0; 32], b"");
        let body_hash = sha256(&[&[0; 32]]);
        assert_eq!(link.body_hash, body_hash);
        let mut bytes = vec![0; 32];
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 1]);
        bytes.extend(body_hash);
        assert_eq!(link.hash, sha256(&[&bytes]));
    }
}
