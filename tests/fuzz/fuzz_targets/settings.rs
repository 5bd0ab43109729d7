//! The broker's configuration, factor sets, dates and ledger bodies as anybody may write them.
#![no_main]

use distans_broker_core::config::Settings;
use distans_broker_core::dates::ServiceDate;
use distans_broker_core::factors::FactorSet;
use distans_broker_core::ledger::Body;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Settings::parse(text, "broker.toml");
    let _ = FactorSet::parse(text.to_owned());
    if let Ok(date) = text.parse::<ServiceDate>() {
        assert_eq!(date.to_string().parse(), Ok(date));
    }
    if let Ok(body) = Body::parse(text.as_bytes()) {
        let canonical = body.canonical().expect("what was read can be written");
        assert_eq!(
            Body::parse(&canonical).expect("canonical text reads").canonical().expect("again"),
            canonical
        );
    }
});
