//! Documents and tokens: kept once, never replaced by other bytes.

use distans_broker_store::{DocumentKind, NewDocument, NewToken, Published, StoreError};
use distans_proto::ids::TokenId;

use crate::common::{Home, NOW, TOKEN};

fn root(version: u64, bytes: &[u8]) -> NewDocument {
    NewDocument { kind: DocumentKind::Root, version, bytes: bytes.to_vec() }
}

#[tokio::test]
async fn every_root_is_kept_and_the_newest_is_found() {
    let home = Home::empty().await;
    assert_eq!(home.store.newest_document(DocumentKind::Root).await.expect("read"), None);
    let policy = NewDocument { kind: DocumentKind::Policy, version: 7, bytes: b"policy".to_vec() };
    let published = home.store.publish(vec![root(1, b"one"), root(2, b"two"), policy], Vec::new(), NOW).await;
    assert_eq!(published.expect("published"), Published { documents: 3, tokens: 0 });
    let roots = home.store.documents(DocumentKind::Root).await.expect("read");
    assert_eq!(roots.iter().map(|root| root.version).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((roots[0].bytes.as_slice(), roots[0].stored_at), (b"one".as_slice(), NOW));
    let newest = home.store.newest_document(DocumentKind::Root).await.expect("read").expect("one");
    assert_eq!((newest.version, newest.bytes.as_slice()), (2, b"two".as_slice()));
    home.assert_sound().await;
}

#[tokio::test]
async fn the_same_again_is_passed_over_and_other_bytes_are_refused_whole() {
    let home = Home::with_token().await;
    home.store.publish(vec![root(1, b"one")], Vec::new(), NOW).await.expect("published");
    let again = home.store.publish(vec![root(1, b"one"), root(2, b"two")], Vec::new(), NOW).await;
    assert_eq!(again.expect("published"), Published { documents: 1, tokens: 0 });
    let fork = home.store.publish(vec![root(3, b"three"), root(2, b"forged")], Vec::new(), NOW).await;
    assert!(matches!(fork, Err(StoreError::DocumentFork { kind: "root", version: 2 })));
    assert_eq!(
        home.store.documents(DocumentKind::Root).await.expect("read").len(),
        2,
        "version 3 was not kept"
    );
    let token = NewToken { token: TOKEN, cert: b"forged".to_vec() };
    assert!(matches!(
        home.store.publish(Vec::new(), vec![token], NOW).await,
        Err(StoreError::TokenFork(TOKEN))
    ));
}

#[tokio::test]
async fn bad_proofs_freeze_a_token_for_good() {
    let home = Home::with_token().await;
    for count in 1..=5u32 {
        let token = home.store.count_bad_proof(TOKEN, 5).await.expect("counted");
        assert_eq!((token.bad_proofs, token.frozen), (count, count == 5));
    }
    assert!(home.store.count_bad_proof(TOKEN, 100).await.expect("counted").frozen);
    let unknown = TokenId::from_bytes([9; 16]);
    assert!(
        matches!(home.store.count_bad_proof(unknown, 5).await, Err(StoreError::NoToken(id)) if id == unknown)
    );
}
