//! Health and figures.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::peers::{Pc, Technician};
use crate::world::World;

async fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
    (head.lines().next().expect("a status").to_owned(), body.to_owned())
}

#[tokio::test]
async fn health_and_figures_are_told_on_loopback() {
    let world = World::new().await;
    let _agent = Pc::enrolled(&world, "PC-GEHEIM").await.connect(&world).await;
    let _anna = Technician::connect(&world, "anna").await.pcs("pc").await;
    let (status, body) = get(world.running.http_addr(), "/healthz").await;
    assert_eq!((status.as_str(), body.as_str()), ("HTTP/1.1 200 OK", "ok\n"));
    let (status, body) = get(world.running.http_addr(), "/metrics").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    for line in [
        "distans_connected_agents 1",
        "distans_enrolments_total{outcome=\"new\"} 1",
        "distans_handshakes_total{outcome=\"agent\"} 1",
        "distans_relayed_bytes_total{to=\"agent\"} 0",
        "distans_database_write_seconds_count",
    ] {
        assert!(body.contains(line), "{line} is not in\n{body}");
    }
    assert!(!body.contains("GEHEIM") && !body.contains("anna"), "no names in figures");
    assert_eq!(get(world.running.http_addr(), "/").await.0, "HTTP/1.1 404 Not Found");
}

#[tokio::test]
async fn when_many_knock_a_newcomer_must_prove_its_address_and_gets_in() {
    let world = World::with(|config| config.settings.limits.retry_above = 0).await;
    Technician::connect(&world, "anna").await.pcs("pc").await;
    let (_, body) = get(world.running.http_addr(), "/metrics").await;
    assert!(body.contains("distans_handshakes_total{outcome=\"retried\"} 1"), "{body}");
}

#[tokio::test]
async fn more_connections_than_configured_are_refused_at_the_door() {
    let world = World::with(|config| config.settings.limits.connections = 2).await;
    let _first = Technician::connect(&world, "anna").await;
    let _second = Technician::connect(&world, "bo").await;
    assert!(Technician::try_connect(&world, "anna").await.is_err());
    let (_, body) = get(world.running.http_addr(), "/metrics").await;
    assert!(body.contains("distans_handshakes_total{outcome=\"refused\"} 1"), "{body}");
}
